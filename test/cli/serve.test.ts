import { once } from 'node:events'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { assertRefused, ended, molm, NANO, type Running, startMolm } from './molm.js'

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

test('serve prints its address, answers there, and exits with 0 on SIGTERM and on Ctrl-C', async () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const { child, url } = await serve(['--alias', 'small'])
    const end = ended(child)
    const response = await ask(url, { prompt: 'The lantern', max_tokens: 3, model: 'small' })
    assert.is(response.status, 200)
    child.kill(signal)
    const { code, stderr } = await end
    assert.is(code, 0)
    assert.match(stderr, /^molm: finishing the running requests/)
  }
})

test('SIGTERM lets a running answer finish', async () => {
  const { child, url } = await serve(['--quiet'])
  const end = ended(child)
  const response = await ask(url, { prompt: 'Once', max_tokens: 200, ignore_eos: true, stream: true })
  child.kill('SIGTERM')
  assert.match(await response.text(), /"finish_reason":"length"[^\n]*\n\ndata: \[DONE\]\n\n$/)
  const { code, stderr } = await end
  assert.is(code, 0)
  assert.is(stderr, '')
})

test('a key may come from the environment; clients without it are refused', async () => {
  const { child, url } = await serve(['-q', '--host', '0.0.0.0'], { MOLM_API_KEY: 'sesame' })
  const end = ended(child)
  const here = url.replace('0.0.0.0', '127.0.0.1')
  assert.is((await ask(here, { prompt: 'a', max_tokens: 1 })).status, 401)
  assert.is((await ask(here, { prompt: 'a', max_tokens: 1 }, { Authorization: 'Bearer sesame' })).status, 200)
  child.kill('SIGTERM')
  assert.is((await end).code, 0)
})

test('--verbose prints each request to stderr: its path, status, tokens and time', async () => {
  const { child, url } = await serve(['--verbose'])
  const end = ended(child)
  await ask(url, { prompt: 'The lantern', max_tokens: 3, ignore_eos: true })
  await (await ask(url, { prompt: 'The lantern', max_tokens: 5, ignore_eos: true, stream: true })).text()
  await ask(url, { prompt: 3 })
  await fetch(`${url}/v1/%1b%5b2J`)
  child.kill('SIGTERM')
  const { stderr } = await end
  assert.match(stderr, /^molm: POST \/v1\/completions 200 {2}4 tokens in, 3 out {2}\d+ ms {2}req_\w{32}$/m)
  assert.match(stderr, /^molm: POST \/v1\/completions 200 {2}4 tokens in, 5 out {2}\d+ ms {2}req_\w{32}$/m)
  assert.match(stderr, /^molm: POST \/v1\/completions 400 {2}\d+ ms {2}req_\w{32}$/m)
  // Escape sequences in the path are not executed.
  assert.match(stderr, /^molm: GET \/v1\/\\x1b\[2J 404 {2}\d+ ms {2}req_\w{32}$/m)
})

test('a key that clients cannot send, and a name with control characters, are refused', async () => {
  for (const key of ['a\nb', ' a', 'a ', 'clé']) {
    assertRefused(await molm(['serve', '--api-key', key]), 2, /--api-key has a character that clients cannot send/)
  }
  assertRefused(await molm(['serve'], { env: { MOLM_API_KEY: 'a\tb' } }), 2, /\$MOLM_API_KEY has a character/)
  assertRefused(await molm(['serve', '--alias', '\u001b[2J']), 2, /--alias has characters .* \\x1b\[2J/)
})

test('unsafe or impossible addresses are refused', async () => {
  assertRefused(
    await molm(['serve', '--host', '0.0.0.0']),
    2,
    /any client that can reach 0\.0\.0\.0.*--api-key.*--no-auth/,
  )
  assertRefused(await molm(['serve', '--api-key', 'a', '--no-auth']), 2, /exclude each other/)
  assertRefused(await molm(['serve', '--api-key', '']), 2, /--api-key is empty/)
  assertRefused(await molm(['serve', '--port', '70000']), 2, /--port must be a whole number from 0 to 65535/)
  assertRefused(await molm(['serve', '-m', './nowhere', '--port', '0']), 1, /nowhere: no such file/)
  const { child, url } = await serve(['-q'])
  const end = ended(child)
  const { port } = new URL(url)
  assertRefused(await molm(['serve', '--port', port]), 1, /is in use; choose another with --port/)
  child.kill('SIGTERM')
  await end
})

test('serves several models by their aliases, and frees them when they are idle', async () => {
  const models = ['-m', NANO, '-m', 'nano', '--alias', 'first', '--alias', 'second']
  // Long enough for a busy machine to ask for the second before the first is idle.
  const { child, url } = await serve([...models, '--memory', '10MB', '--idle', '1500ms', '--verbose'])
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

test('options that do not fit several models, and missing models, are refused before any is loaded', async () => {
  const two = ['serve', '--port', '0', '-m', 'nano', '-m', NANO]
  assertRefused(await molm([...two, '--alias', 'a']), 2, /2 models and 1 --alias: give each model one/)
  assertRefused(await molm([...two, '--mask', '0:mlp:1']), 2, /--mask is for a single model/)
  assertRefused(await molm([...two, '--atlas', 'x.json']), 2, /--atlas is for a single model/)
  assertRefused(await molm([...two]), 1, /two models are called nano: give each a name of its own with --alias/)
  assertRefused(await molm(['serve', '--port', '0', '-m', 'nano', '-m', './nowhere']), 1, /nowhere: no such file/)
  assertRefused(await molm(['serve', '--idle', 'soon']), 2, /--idle must be a time like 30s, 10m or 2h/)
  assertRefused(await molm(['serve', '--idle', '600h']), 2, /--idle must be a time like 30s, 10m or 2h, up to/)
})

test.run()
