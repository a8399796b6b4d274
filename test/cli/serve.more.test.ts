import { once } from 'node:events'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ended, NANO, type Running, startMolm } from './molm.js'

/** Starts a server and waits for its address. */
async function serve(args: string[], env?: object): Promise<{ child: Running; url: string }> {
  const child = startMolm(['serve', '--port', '0', ...args], env)
  let said = ''
  child.stdout.setEncoding('utf8')
  while (!said.includes('\n')) said += (await once(child.stdout, 'data'))[0]
  return { child, url: /http:\S+/.exec(said)?.[0] ?? '' }
}

async function ask(url: string, body: object, headers = {}) {
  const init = { method: 'POST', headers: { 'Content-Type': 'application/json', ...headers } }
  return fetch(`${url}/v1/completions`, { ...init, body: JSON.stringify(body) })
}

test('Ctrl-C ends a server with 0', async () => {
  const { child } = await serve(['--quiet'])
  const end = ended(child)
  child.kill('SIGINT')
  assert.equal(await end, { code: 0, signal: null, stdout: '', stderr: '' })
})

test('serves several models by their aliases, and frees them when they are idle', async () => {
  const models = ['-m', NANO, '-m', 'nano', '--alias', 'first', '--alias', 'second']
  // Long enough for a busy machine to ask for the second before the first is idle.
  const { child, url } = await serve([...models, '--memory', '10MB', '--idle', '1000ms', '--verbose'])
  const end = ended(child)
  for (const model of ['second', 'first']) {
    const response = await ask(url, { prompt: 'The lantern', max_tokens: 3, model })
    assert.is(((await response.json()) as { model: string }).model, model)
  }
  const states = async () =>
    ((await (await fetch(`${url}/health`)).json()) as { models: Record<string, string> }).models
  while ((await states()).first !== 'unloaded') await new Promise((resolve) => setTimeout(resolve, 100))
  child.kill('SIGTERM')
  const { code, stdout, stderr } = await end
  assert.is(code, 0)
  assert.match(stderr, /^molm: first: memory freed: makes room for second$/m)
  assert.match(stderr, /^molm: second: loaded in \d+ ms$/m)
  assert.match(stderr, /^molm: first: memory freed: idle$/m)
  assert.is(stdout, '')
})

test.run()
