import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { assertAllRefused, assertRefused, ended, molm, NANO } from './molm.js'
import { complete, startServer } from './server.js'

test('serve prints its address, answers clients with the key, logs requests, and ends once they are answered', async () => {
  const { child, url } = await startServer(['--alias', 'small', '--host', '0.0.0.0', '--verbose'], {
    MOLM_API_KEY: 'sesame',
  })
  const end = ended(child)
  const here = url.replace('0.0.0.0', '127.0.0.1')
  const key = { Authorization: 'Bearer sesame' }
  const prompt = { prompt: 'The lantern', ignore_eos: true, model: 'small' }
  assert.is((await complete(here, { ...prompt, max_tokens: 1 })).status, 401)
  assert.is((await complete(here, { ...prompt, max_tokens: 3 }, key)).status, 200)
  assert.is((await complete(here, { prompt: 3 }, key)).status, 400)
  await fetch(`${here}/v1/%1b%5b2J`, { headers: key })
  assertRefused(await molm(['serve', '--port', new URL(url).port]), 1, /is in use; choose another with --port/)
  const response = await complete(here, { ...prompt, max_tokens: 200, stream: true }, key)
  child.kill('SIGTERM')
  assert.match(await response.text(), /"finish_reason":"length"[^\n]*\n\ndata: \[DONE\]\n\n$/)
  const { code, stderr } = await end
  assert.is(code, 0)
  assert.match(stderr, /^molm: finishing the running requests/m)
  assert.match(stderr, /^molm: POST \/v1\/completions 200 {2}4 tokens in, 3 out {2}\d+ ms {2}req_\w{32}$/m)
  assert.match(stderr, /^molm: POST \/v1\/completions 200 {2}4 tokens in, 200 out {2}\d+ ms {2}req_\w{32}$/m)
  assert.match(stderr, /^molm: POST \/v1\/completions 400 {2}\d+ ms {2}req_\w{32}$/m)
  // Escape sequences in the path are not executed.
  assert.match(stderr, /^molm: GET \/v1\/\\x1b\[2J 404 {2}\d+ ms {2}req_\w{32}$/m)
})

test('a key that clients cannot send, and a name with control characters, are refused', async () => {
  const says = /--api-key has a character that clients cannot send/
  await assertAllRefused('serve', [
    ...['a\nb', ' a', 'a ', 'clé'].map((key): [string[], RegExp] => [['--api-key', key], says]),
    ['--alias \u001b[2J', /--alias has characters .* \\x1b\[2J/],
  ])
  assertRefused(await molm(['serve'], { env: { MOLM_API_KEY: 'a\tb' } }), 2, /\$MOLM_API_KEY has a character/)
})

test('unsafe or impossible addresses are refused', async () => {
  await assertAllRefused('serve', [
    ['--host 0.0.0.0', /any client that can reach 0\.0\.0\.0.*--api-key.*--no-auth/],
    ['--api-key a --no-auth', /exclude each other/],
    [['--api-key', ''], /--api-key is empty/],
    ['--port 70000', /--port must be a whole number from 0 to 65535/],
    ['-m ./nowhere --port 0', /nowhere: no such file/, 1],
  ])
})

test('options that do not fit several models, and missing models, are refused before any is loaded', async () => {
  const two = ['serve', '--port', '0', '-m', NANO, '-m']
  await assertAllRefused(two, [
    ['nano --alias a', /2 models and 1 --alias: give each model one/],
    ['nano --mask 0:mlp:1', /--mask is for a single model/],
    ['nano --atlas x.json', /--atlas is for a single model/],
    ['nano', /two models are called nano: give each a name of its own with --alias/, 1],
    ['./nowhere', /nowhere: no such file/, 1],
    ['nano --idle soon', /--idle must be a time like 30s, 10m or 2h/],
    ['nano --idle 600h', /--idle must be a time like 30s, 10m or 2h, up to/],
  ])
})

test.run()
