import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { assertRefused, ended, molm } from './molm.js'
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

test.run()
