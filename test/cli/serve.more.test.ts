import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ended, NANO } from './molm.js'
import { complete, startServer } from './server.js'

test('Ctrl-C ends a server with 0', async () => {
  const { child } = await startServer(['--quiet'])
  const end = ended(child)
  child.kill('SIGINT')
  assert.equal(await end, { code: 0, signal: null, stdout: '', stderr: '' })
})

test('serves several models by their aliases, and frees them when they are idle', async () => {
  const models = ['-m', NANO, '-m', 'nano', '--alias', 'first', '--alias', 'second']
  // Long enough for a busy machine to ask for the second before the first is idle.
  const { child, url } = await startServer([...models, '--memory', '10MB', '--idle', '1000ms', '--verbose'])
  const end = ended(child)
  for (const model of ['second', 'first']) {
    const response = await complete(url, { prompt: 'The lantern', max_tokens: 3, model })
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
