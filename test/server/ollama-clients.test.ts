import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { post, serverFor, sharedNano } from './served.js'
import { ANSWER, GREETING, QUESTION, sharedParrot } from './weather-parrot.js'

/* Requests to ollama's API as its clients write them, and those that are refused. */
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

/** Values of wrong types, with the field that a refusal names. */
const WRONG_CHATS: [field: string, body: object][] = [
  ['model', { model: 7 }],
  ['messages', { messages: 'Hello' }],
  ['messages[0]', { messages: ['Hello'] }],
  ['messages[0].role', { messages: [{ role: 'judge', content: 'a' }] }],
  ['messages[0].content', { messages: [{ role: 'user', content: 7 }] }],
  ['messages[0].images', { messages: [{ role: 'user', content: 'a', images: ['aGk='] }] }],
  ['messages[0].thinking', { messages: [{ role: 'assistant', content: 'a', thinking: 7 }] }],
  ['messages[0].tool_name', { messages: [{ role: 'tool', content: 'a', tool_name: 7 }] }],
  ['messages[0].tool_calls', { messages: [{ role: 'assistant', content: 'a', tool_calls: 'f' }] }],
  ['messages[0].tool_calls[0]', { messages: [{ role: 'assistant', content: 'a', tool_calls: ['f'] }] }],
  [
    'messages[0].tool_calls[0].function.arguments',
    { messages: [{ role: 'assistant', tool_calls: [{ function: { name: 'f', arguments: [1] } }] }] },
  ],
  ['messages[0].tool_calls[0].function.name', { messages: [{ role: 'assistant', tool_calls: [{ function: {} }] }] }],
  ['messages[0].mood', { messages: [{ role: 'user', content: 'a', mood: 'good' }] }],
  ['tools', { tools: {} }],
  ['tools[0].function', { tools: [{ type: 'function' }] }],
  ['stream', { stream: 'yes' }],
  ['format', { format: 'xml' }],
  ['format', { format: [] }],
  ['format', { format: { type: 'nothing' } }],
  ['think', { think: 'hard' }],
  ['keep_alive', { keep_alive: {} }],
  ['logprobs', { logprobs: 1 }],
  ['top_logprobs', { top_logprobs: 21 }],
  ['template', { template: '{{ .Prompt }}' }],
  ['truncate', { truncate: true }],
  ['options', { options: [] }],
  ['options.num_predict', { options: { num_predict: -3 } }],
  ['options.num_ctx', { options: { num_ctx: 0 } }],
  ['options.temperature', { options: { temperature: 'hot' } }],
  ['options.top_k', { options: { top_k: 1.5 } }],
  ['options.top_p', { options: { top_p: 2 } }],
  ['options.min_p', { options: { min_p: -1 } }],
  ['options.repeat_penalty', { options: { repeat_penalty: 0 } }],
  ['options.seed', { options: { seed: 'lucky' } }],
  ['options.stop', { options: { stop: 7 } }],
  ['options.mirostat', { options: { mirostat: 2 } }],
  ['options.presence_penalty', { options: { presence_penalty: 1 } }],
  ['options.num_gpu', { options: { num_gpu: 'all' } }],
  ['options.use_mmap', { options: { use_mmap: 1 } }],
  ['options.new_topic_penalty', { options: { new_topic_penalty: 1 } }],
  ['tool_choice', { tool_choice: 'auto' }],
]
const WRONG_PROMPTS: [field: string, body: object][] = [
  ['prompt', { prompt: ['a'] }],
  ['suffix', { suffix: 1 }],
  ['system', { system: 1 }],
  ['system', { raw: true, system: 'Be short.' }],
  ['raw', { raw: 'yes' }],
  ['template', { template: 'a' }],
  ['context', { context: [1] }],
  ['images', { images: ['aGk='] }],
  ['options.num_predict', { options: { num_predict: 'all' } }],
  ['width', { width: 512 }],
]

test('a wrong field is refused by its name', async () => {
  const ask = async (path: string, field: string, body: object) => {
    const { status, body: answer } = await post(nano.url, path, body)
    assert.is(status, 400, `${path} ${JSON.stringify(body)}`)
    assert.ok(answer.error.includes(`"${field}"`), `${answer.error} names ${field}`)
    assert.equal(Object.keys(answer), ['error'])
  }
  const messages = [{ role: 'user', content: 'a' }]
  for (const [field, body] of WRONG_CHATS) await ask('/api/chat', field, { messages, ...body })
  for (const [field, body] of WRONG_PROMPTS) await ask('/api/generate', field, { prompt: 'a', ...body })
  for (const [field, value] of [
    ['model', 1],
    ['name', 1],
    ['options', 'a'],
    ['colour', 'red'],
  ] as const) {
    await ask('/api/show', field, { [field]: value })
  }
})

test.run()
