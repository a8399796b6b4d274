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

test('serve prints its address, answers clients with the key, logs requests, and ends once they are answered', async () => {
  const { child, url } = await serve(['--alias', 'small', '--host', '0.0.0.0', '--verbose'], { MOLM_API_KEY: 'sesame' })
  const end = ended(child)
  const here = url.replace('0.0.0.0', '127.0.0.1')
  const key = { Authorization: 'Bearer sesame' }
  const prompt = { prompt: 'The lantern', ignore_eos: true, model: 'small' }
  assert.is((await ask(here, { ...prompt, max_tokens: 1 })).status, 401)
  assert.is((await ask(here, { ...prompt, max_tokens: 3 }, key)).status, 200)
  assert.is((await ask(here, { prompt: 3 }, key)).status, 400)
  await fetch(`${here}/v1/%1b%5b2J`, { headers: key })
  assertRefused(await molm(['serve', '--port', new URL(url).port]), 1, /is in use; choose another with --port/)
  const response = await ask(here, { ...prompt, max_tokens: 200, stream: true }, key)
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
