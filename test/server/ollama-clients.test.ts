import { request } from 'node:http'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { post, serverFor, sharedNano } from './served.js'
import { ANSWER, GREETING, QUESTION, sharedParrot } from './weather-parrot.js'

/* Requests to ollama's API as its clients and its examples write them. */
const test = suite('clients of ollama')

const nano = serverFor(test, sharedNano)
const parrot = serverFor(test, sharedParrot)

test('requests of llm, Open WebUI and Continue are answered', async () => {
  const messages = [{ role: 'user', content: 'Hello!' }]
  const options = { temperature: 0, num_predict: 80 }
  // llm's plug-in sends the results of tools without the calls.
  const { body: plugin } = await post(parrot.url, '/api/chat', {
    ...{ model: 'parrot:latest', stream: false, options: {}, keep_alive: null, format: null, think: null },
    messages: [
      { role: 'user', content: QUESTION, images: null },
      { role: 'assistant', content: '' },
      { role: 'tool', content: '21 degrees', name: 'get_weather' },
    ],
  })
  assert.is(plugin.message.content, ANSWER)
  // Open WebUI adds the tag.
  const { body: webui } = await post(parrot.url, '/api/chat', {
    ...{ model: 'parrot:latest', messages, stream: false, keep_alive: '5m' },
    options: {
      ...{ ...options, num_ctx: 4096, repeat_last_n: 64 },
      ...{ mirostat: 0, mirostat_eta: 0.1, mirostat_tau: 5, tfs_z: 1 },
    },
  })
  assert.is(webui.message.content, GREETING)
  // Continue leaves `stream` out, and reads lines.
  const { body: lines } = await post(parrot.url, '/api/generate', {
    ...{ model: 'parrot', prompt: 'Hello!', raw: undefined, keep_alive: 1800 },
    options: { ...options, num_ctx: 8192, num_thread: 4, use_mmap: true, stop: 'zebra' },
  })
  const parts = (lines as string).trimEnd().split('\n')
  assert.is(parts.map((line) => JSON.parse(line).response).join(''), GREETING)
  // Copilot and others send roles in capitals.
  const capitals = { messages: [{ role: 'USER', content: 'Hello!' }], stream: false }
  const { body: loud } = await post(parrot.url, '/api/chat', capitals)
  assert.is(loud.message.content, GREETING)
})

test('the examples with curl need no Content-Type, and a page of another origin does', async () => {
  const body = JSON.stringify({ model: 'nano', prompt: 'Hello', options: { num_predict: 2 }, stream: false })
  const send = (path: string, headers: Record<string, string>) =>
    // fetch sends headers that browsers send, so the request is made by hand.
    new Promise<number>((resolve, reject) => {
      const form = { 'Content-Type': 'application/x-www-form-urlencoded', ...headers }
      const sent = request(`${nano.url}${path}`, { method: 'POST', headers: form }, (answer) => {
        answer.resume().on('end', () => resolve(answer.statusCode ?? 0))
      })
      sent.on('error', reject).end(body)
    })
  assert.is(await send('/api/generate', {}), 200)
  assert.is(await send('/api/generate', { Origin: 'http://page.example' }), 415)
  assert.is(await send('/api/generate', { 'Sec-Fetch-Site': 'cross-site' }), 415)
  assert.is(await send('/v1/completions', {}), 415)
})

test.run()
