import { type ChatRequest, type GenerateRequest, Ollama, type Options, type ToolCall } from 'ollama'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { least } from '../support/least.js'
import { thrownBy } from '../support/rejects.js'
import { get, post, serveParrot, serverFor, sharedNano, withNano } from './served.js'
import {
  AGAIN,
  ANSWER,
  CONCLUSION,
  GREETING,
  NUMBERS,
  QUESTION,
  sharedParrot,
  THOUGHTS,
  WEATHER_SCHEMA,
  WEATHER_TOOL,
} from './weather-parrot.js'

/* The endpoints of ollama's API, with its official client. */
const test = suite('ollama’s API')

const options = { temperature: 0, num_predict: 60 }
const hello = [{ role: 'user', content: 'Hello!' }]
const nano = serverFor(test, sharedNano)
const parrot = serverFor(test, sharedParrot)
let ollama: Ollama
let weather: Ollama

test.before(() => {
  ollama = new Ollama({ host: nano.url })
  weather = new Ollama({ host: parrot.url })
})

const tools = [WEATHER_TOOL]
const call = (city: string, index: number) => ({ function: { index, name: 'get_weather', arguments: { city } } })
const withoutId = ({ function: called }: ToolCall): ToolCall => ({ function: called })

test('a chat has the answer of chat completions, with counts and times', async () => {
  const messages = [{ role: 'user', content: 'What is a lantern?' }]
  const answer = await ollama.chat({ model: 'nano', messages, options })
  const { body } = await post(nano.url, '/v1/chat/completions', { messages, temperature: 0, max_tokens: 60 })
  assert.equal(answer.message, { role: 'assistant', content: body.choices[0].message.content })
  assert.is(answer.model, 'nano')
  assert.is(answer.done, true)
  assert.is(answer.done_reason, 'stop')
  assert.is(answer.prompt_eval_count, body.usage.prompt_tokens)
  assert.is(answer.eval_count, body.usage.completion_tokens)
  assert.ok(Math.abs(Date.now() - Date.parse(String(answer.created_at))) < 60_000)
  const { total_duration: total, prompt_eval_duration: read, eval_duration: answered } = answer
  for (const time of [total, read, answered]) assert.ok(Number.isInteger(time) && time > 1_000, `${time} ns`)
  assert.ok(total >= read + answered)
})

test('a stream has the same text in parts, and counts at its end', async () => {
  const whole = await ollama.chat({ model: 'nano:latest', messages: hello, options })
  let content = ''
  let last: { done: boolean; eval_count: number } | undefined
  for await (const part of await ollama.chat({ model: 'nano:latest', messages: hello, options, stream: true })) {
    assert.is(last?.done ?? false, false)
    assert.is(part.message.role, 'assistant')
    assert.is(part.model, 'nano:latest')
    content += part.message.content
    last = part
  }
  assert.is(content, whole.message.content)
  assert.is(last?.done, true)
  assert.is(last?.eval_count, whole.eval_count)
})

test('a stream is the default, in lines of JSON', async () => {
  const { headers, body } = await post(nano.url, '/api/chat', { messages: hello, options: { num_predict: 3 } })
  assert.is(headers.get('content-type'), 'application/x-ndjson')
  const lines = (body as string).trimEnd().split('\n')
  assert.ok(lines.length > 1)
  assert.is(JSON.parse(lines.at(-1) ?? '').done_reason, 'length')
})

test('thoughts are apart, and think switches them off', async () => {
  const thinking = await weather.chat({ model: 'parrot', messages: hello, options })
  assert.equal(thinking.message, { role: 'assistant', content: GREETING, thinking: 'A greeting.' })
  for (const think of [true, 'low'] as const) {
    const { message } = await weather.chat({ model: 'parrot', messages: hello, options, think })
    assert.is(message.thinking, 'A greeting.')
  }
  const { message } = await weather.chat({ model: 'parrot', messages: hello, options, think: false })
  assert.equal(message, { role: 'assistant', content: GREETING })
})

test('tools are called, and their results answered, with ids and without', async () => {
  const messages = [{ role: 'user', content: QUESTION }]
  const asked = await weather.chat({ model: 'parrot', messages, tools, options: { temperature: 0 } })
  const { tool_calls: calls = [], thinking, content } = asked.message
  assert.is(thinking, THOUGHTS)
  assert.is(content, '')
  assert.is(asked.done_reason, 'stop')
  assert.equal(calls.map(withoutId), [call('Bern', 0), call('Rome', 1)])

  const results = ['21 degrees', '30 degrees'].map((result) => {
    return { role: 'tool', content: result, tool_name: 'get_weather' }
  })
  for (const tool_calls of [calls, calls.map(withoutId)]) {
    const turns = [...messages, { ...asked.message, tool_calls }, ...results]
    const answer = await weather.chat({ model: 'parrot', messages: turns, tools, options: { temperature: 0 } })
    assert.is(answer.message.thinking, CONCLUSION)
    assert.is(answer.message.content, ANSWER)
  }
  const streamed: object[] = []
  for await (const part of await weather.chat({ model: 'parrot', messages, tools, stream: true })) {
    streamed.push(...(part.message.tool_calls ?? []).map(withoutId))
  }
  assert.equal(streamed, [call('Bern', 0), call('Rome', 1)])
})

test('an answer follows a schema, or is a JSON object', async () => {
  const ask = { model: 'nano', messages: hello, options: { temperature: 0, num_predict: 200 } }
  const { message } = await ollama.chat({ ...ask, format: WEATHER_SCHEMA })
  assert.type(JSON.parse(message.content).city, 'string')
  const json = await weather.chat({ ...ask, model: 'parrot', format: 'json' })
  assert.type(JSON.parse(json.message.content), 'object')
  const free = await ollama.chat({ ...ask, options, format: '' })
  assert.is(free.message.content, (await ollama.chat({ ...ask, options })).message.content)
})

test('drafts of prompt lookup save steps of both endpoints and change no text', async () => {
  for (const [path, asked] of [
    ['/api/chat', { messages: [{ role: 'user', content: AGAIN }] }],
    ['/api/generate', { prompt: `${NUMBERS} One two three`, raw: true }],
  ] as const) {
    const texts = new Set<string>()
    const stepsWith = async (draft: object) => {
      const set = { temperature: 0, num_predict: 40, ...draft }
      const { microBatches } = await parrot.model.stats()
      const { body } = await post(parrot.url, path, { ...asked, options: set, stream: false })
      texts.add(path === '/api/chat' ? body.message.content : body.response)
      return (await parrot.model.stats()).microBatches - microBatches
    }
    const steps = await stepsWith({ draft_num_predict: 0 })
    // On a busy machine a step can seem too dear for drafts.
    for (const draft of [{ draft_num_predict: -1 }, {}]) {
      const fewest = await least(steps - 5, () => stepsWith(draft))
      assert.ok(fewest < steps - 5, `${path}: ${steps} steps, ${fewest} with drafts`)
    }
    assert.is(texts.size, 1)
  }
})

test('options have the same effect as in chat completions', async () => {
  const messages = [{ role: 'user', content: 'What is a lantern?' }]
  const { body } = await post(nano.url, '/v1/chat/completions', {
    ...{ messages, max_tokens: 9, temperature: 0.9, top_k: 30, top_p: 0.9, min_p: 0.01, seed: 5 },
    repetition_penalty: 1.1,
    stop: ['zebra'],
  })
  const set = { num_predict: 9, temperature: 0.9, top_k: 30, top_p: 0.9, min_p: 0.01, seed: 5, repeat_penalty: 1.1 }
  const loading = { numa: true, num_batch: 512, num_gpu: 1, main_gpu: 0, num_thread: 2, num_ctx: 2048, num_keep: 4 }
  const flags = { low_vram: false, f16_kv: true, logits_all: false, vocab_only: false, embedding_only: false }
  const others = { repeat_last_n: 64, penalize_newline: false, mirostat_tau: 5, mirostat_eta: 0.1, tfs_z: 1 }
  const neutral = { mirostat: 0, typical_p: 1, presence_penalty: 0, frequency_penalty: 0 }
  // A field that a newer client has fails the type check.
  const all: Required<Options> = {
    ...{ ...set, ...loading, ...flags, ...others, ...neutral },
    ...{ use_mmap: true, use_mlock: false, stop: ['zebra'] },
  }
  const shared = { model: 'nano', stream: false, format: '', keep_alive: '5m', think: false, options: all }
  const scores = { logprobs: false, top_logprobs: 0 }
  const chat: Required<ChatRequest> & { stream: false } = { ...shared, ...scores, messages, tools: [], stream: false }
  const answer = await ollama.chat(chat)
  assert.is(answer.message.content, body.choices[0].message.content)
  assert.is(answer.done_reason, body.choices[0].finish_reason)
  assert.is(answer.eval_count, body.usage.completion_tokens)

  const empty = { suffix: '', system: '', template: '', context: [], raw: false, images: [] }
  const pictures = { width: 64, height: 64, steps: 4 }
  const generate: Required<GenerateRequest> & { stream: false } = {
    ...{ ...shared, ...scores, ...empty, ...pictures },
    ...{ prompt: messages[0].content, stream: false },
  }
  assert.match(String(await thrownBy(ollama.generate(generate))), /"width" is not supported/)
  const { width, height, steps, ...texts } = generate
  assert.is((await ollama.generate(texts)).response, answer.message.content)
})

test('without num_predict, num_ctx bounds prompt and answer together', async () => {
  const prompt = 'The sea'
  const { prompt_eval_count, eval_count, done_reason } = await ollama.generate({
    ...{ model: 'nano', prompt, raw: true, options: { temperature: 0, num_ctx: 40, num_predict: -1 } },
    format: { type: 'string', minLength: 500 },
  })
  assert.is(prompt_eval_count + eval_count, 40)
  assert.is(done_reason, 'length')
})

test('generate answers a prompt by the chat template, and continues it if it is raw', async () => {
  const prompt = 'What is a lantern?'
  const chat = await ollama.chat({ model: 'nano', messages: [{ role: 'user', content: prompt }], options })
  const answer = await ollama.generate({ model: 'nano', prompt, options })
  assert.is(answer.response, chat.message.content)
  assert.is(answer.done_reason, 'stop')
  const withSystem = await weather.generate({ model: 'parrot', prompt: 'Hello!', system: 'Be short.', options })
  assert.is(withSystem.response, GREETING)
  assert.is(withSystem.thinking, 'A greeting.')

  const { body } = await post(nano.url, '/v1/completions', { prompt, temperature: 0, max_tokens: 8 })
  let streamed = ''
  const asked = { model: 'nano', prompt, raw: true, options: { ...options, num_predict: 8 } }
  for await (const part of await ollama.generate({ ...asked, stream: true })) streamed += part.response
  assert.equal([(await ollama.generate(asked)).response, streamed], Array(2).fill(body.choices[0].text))
})

test('a suffix fills the gap, and the model says that it can', async () => {
  const coder = await serveParrot(
    { format: 'granite-code', answers: [{ says: 'return a + b<fim_pad>' }] },
    { alias: 'coder' },
  )
  try {
    const client = new Ollama({ host: coder.url })
    const { response } = await client.generate({ model: 'coder', prompt: 'def add(a, b):\n', suffix: '\n', options })
    assert.is(response, 'return a + b')
    const { capabilities, template } = await client.show({ model: 'coder' })
    assert.equal(capabilities, ['completion', 'insert'])
    // By this, Continue knows it.
    assert.ok(template.includes('.Suffix'))
  } finally {
    await coder.close()
  }
  const { status, body } = await post(nano.url, '/api/generate', { prompt: 'a', suffix: 'b' })
  assert.is(status, 400)
  assert.match(body.error, /"suffix" is not supported by nano/)
})

test('log-probabilities have the likeliest tokens', async () => {
  const ask = { model: 'nano', options: { temperature: 0, num_predict: 4 }, logprobs: true, top_logprobs: 2 }
  const { logprobs = [] } = await ollama.chat({ ...ask, messages: hello })
  assert.is(logprobs.length, 4)
  assert.ok(logprobs.every(({ logprob, top_logprobs = [] }) => logprob <= 0 && top_logprobs.length === 2))
  const raw = await ollama.generate({ ...ask, prompt: 'The sea', raw: true })
  assert.is(raw.logprobs?.length, 4)
  let streamed = 0
  for await (const part of await ollama.chat({ ...ask, messages: hello, stream: true }))
    streamed += part.logprobs?.length ?? 0
  assert.is(streamed, 4)
})

test('a request without a text finds the model loaded, and cannot unload it', async () => {
  assert.is((await ollama.generate({ model: 'nano', prompt: '' })).done_reason, 'load')
  assert.is((await ollama.chat({ model: 'nano' })).done_reason, 'load')
  for (const keep_alive of [0, '0', '0s']) {
    const { status, body } = await post(nano.url, '/api/generate', { model: 'nano', keep_alive })
    assert.is(status, 400)
    assert.match(body.error, /cannot unload the model; with `molm serve --idle/)
  }
})

test('the model is listed with a tag, a digest and its abilities', async () => {
  const { models } = await weather.list()
  const [{ name, model, digest, size, details }] = models
  assert.is(models.length, 1)
  assert.is(name, 'parrot:latest')
  assert.is(model, name)
  assert.match(digest, /^[0-9a-f]{64}$/)
  assert.is(size, parrot.model.info.bytes)
  assert.match(details.parameter_size, /^[\d.]+[MB]$/)
  const { capabilities, parameters, template, model_info } = await weather.show({ model: name })
  assert.equal(capabilities, ['completion', 'tools', 'thinking'])
  assert.ok(template.includes('tool_call'))
  assert.is((model_info as unknown as Record<string, unknown>)['general.architecture'], 'moduleformer')
  // As Continue reads them.
  for (const line of parameters.split('\n')) assert.match(line, /^(\S+)\s+((?:".*")|\S+)$/)
  assert.match(parameters, /^num_ctx +\d+$/m)
  const running = await weather.ps()
  assert.is(running.models[0].name, name)
  // As Open WebUI compares versions.
  assert.ok((await weather.version()).version.split('.').every((part) => /^\d+$/.test(part)))
  assert.is((await get(parrot.url, '/api/tags')).body.models[0].digest, digest)
  assert.is((await post(parrot.url, '/api/show', { name: 'parrot' })).status, 200)
})

test('errors are a text, also in a stream and without a key', async () => {
  const { status, body } = await post(nano.url, '/api/chat', { model: 'llama3', messages: hello })
  assert.is(status, 404)
  assert.equal(body, { error: 'the model "llama3" is not here; this server has nano' })
  const wrong = ollama.chat({ model: 'nano', messages: hello, options: { temperature: -1 } })
  assert.match(String(await thrownBy(wrong)), /"options.temperature" must be/)
  const options = { apiKey: 'secret', cors: '*' }
  await withNano(options, nano.model, async ({ url }) => {
    const refused = await get(url, '/api/tags')
    assert.is(refused.status, 401)
    assert.type(refused.body.error, 'string')
    const key = { Authorization: 'Bearer secret' }
    assert.is((await new Ollama({ host: url, headers: key }).list()).models.length, 1)
    const { headers } = await get(url, '/api/version', { ...key, Origin: 'http://a.example' })
    assert.is(headers.get('access-control-allow-origin'), '*')
  })
})

test('other endpoints of ollama are refused with a pointer', async () => {
  for (const path of ['/api/embed', '/api/embeddings']) {
    const { status, body } = await post(nano.url, path, { model: 'nano', input: 'a' })
    assert.is(status, 400)
    assert.match(body.error, /makes no embeddings/)
  }
  assert.match(String(await thrownBy(ollama.pull({ model: 'llama3' }))), /molm pull/)
  const scored = await thrownBy(ollama.systemone({ model: 'nano', state: 'a', questions: {} }))
  assert.is((scored as { status_code?: number }).status_code, 400)
})

test.run()
