import OpenAI from 'openai'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Busy, UserError } from '#molm/ground/errors.js'
import { thrownBy } from '../support/rejects.js'
import { get, post, serveNano, serverFor, serveSharedNano } from './served.js'

/* Refusals: their status, and the form that clients of OpenAI's API turn into their own errors. */
const test = suite('refusals')

const COMPLETIONS = '/v1/completions'
const CHAT = '/v1/chat/completions'
const MESSAGES = [{ role: 'user', content: 'Hello' }]
const LIMITS = {
  bodyBytes: 20_000,
  contextTokens: 200,
  promptTokens: 500,
  sequences: 6,
  routedTokens: 50,
  scores: 1000,
}
const served = serverFor(test, () => serveSharedNano({ limits: LIMITS }))

async function refused(path: string, body: unknown, status: number, message: RegExp, param: string | null = null) {
  const answer = await post(served.url, path, body)
  const said = JSON.stringify(answer.body)
  assert.is(answer.status, status, said)
  assert.equal(Object.keys(answer.body), ['error'])
  assert.equal(Object.keys(answer.body.error), ['message', 'type', 'param', 'code'])
  assert.match(answer.body.error.message, message)
  assert.is(answer.body.error.param, param, said)
}

test('an unknown field is named, with the one that was perhaps meant', async () => {
  await refused(COMPLETIONS, { prompt: 'a', guidance: 2 }, 400, /^"guidance" is not supported$/, 'guidance')
  await refused(COMPLETIONS, { prompt: 'a', max_token: 2 }, 400, /did you mean "max_tokens"\?$/, 'max_token')
  await refused(CHAT, { messages: MESSAGES, audio: {} }, 400, /^"audio" is not supported$/, 'audio')
  const weighed = [{ role: 'user', content: 'a', weight: 1 }]
  await refused(CHAT, { messages: weighed }, 400, /^"messages\[0\]\.weight" is not supported$/, 'messages[0].weight')
  const options = { prompt: 'a', stream: true, stream_options: { include_obfuscation: true } }
  await refused(COMPLETIONS, options, 400, /include_obfuscation/, 'stream_options.include_obfuscation')
})

test('an unsupported field of OpenAI’s API is refused, unless its value changes nothing', async () => {
  const asking: [string, string, unknown, unknown][] = [
    [COMPLETIONS, 'best_of', 3, 1],
    [COMPLETIONS, 'frequency_penalty', 0.5, 0],
    [COMPLETIONS, 'presence_penalty', -1, 0],
    [COMPLETIONS, 'logit_bias', { 50: 10 }, {}],
    [CHAT, 'frequency_penalty', 0.5, 0],
    [CHAT, 'functions', [{ name: 'f' }], []],
    [CHAT, 'function_call', { name: 'f' }, 'none'],
    [CHAT, 'modalities', ['audio'], ['text']],
    [CHAT, 'include_reasoning', false, true],
  ]
  for (const [path, field, wanted, neutral] of asking) {
    const rest = { ...(path === CHAT ? { messages: MESSAGES } : { prompt: 'a' }), max_tokens: 1 }
    await refused(path, { ...rest, [field]: wanted }, 400, new RegExp(`^"${field}" is not supported`), field)
    for (const nothing of [neutral, null]) {
      const { status, body } = await post(served.url, path, { ...rest, [field]: nothing })
      assert.is(status, 200, `${field}: ${JSON.stringify(body)}`)
    }
  }
  const neutral = { stream: true, stream_options: { include_obfuscation: false }, logprobs: false, top_logprobs: 0 }
  assert.is((await post(served.url, CHAT, { messages: MESSAGES, max_tokens: 1, ...neutral })).status, 200)
})

test('labels and hints that change no answer are accepted', async () => {
  const both = {
    ...{ user: 'u', safety_identifier: 'u', metadata: { run: '7', tags: ['a'] }, store: true },
    ...{ service_tier: 'auto', prompt_cache_key: 'k', prompt_cache_retention: '24h' },
  }
  const prediction = { type: 'content', content: 'A' }
  const hints = { parallel_tool_calls: false, reasoning_effort: 'low', verbosity: 'low', prediction }
  const rest = { max_tokens: 4, temperature: 0 }
  const [plain, labelled] = await Promise.all(
    [{}, both].map((more) => post(served.url, COMPLETIONS, { prompt: 'a', ...rest, ...more })),
  )
  assert.is(labelled.status, 200, JSON.stringify(labelled.body))
  assert.is(labelled.body.choices[0].text, plain.body.choices[0].text)
  const chat = { messages: [{ role: 'user', content: 'Hello', name: 'Ann' }], ...rest, ...both, ...hints }
  const { status, body } = await post(served.url, CHAT, chat)
  assert.is(status, 200, JSON.stringify(body))
})

test('a null field counts as left out, whatever its name and place', async () => {
  const nulls = { tools: null, functions: null, guidance: null, temperature: null, ['__proto__']: null }
  const message = { role: 'user', content: [{ type: 'text', text: 'Hello', annotations: null }], name: null, x: null }
  const options = { stream: true, stream_options: { include_usage: null, include_obfuscation: null } }
  for (const [path, body] of [
    [COMPLETIONS, { prompt: 'a', max_tokens: 1, ...nulls }],
    [CHAT, { messages: [message], max_tokens: 1, ...nulls, ...options }],
    ['/tokenize', { prompt: 'a', ...nulls }],
  ] as const) {
    const { status, body: said } = await post(served.url, path, body)
    assert.is(status, 200, JSON.stringify(said))
  }
  await refused(COMPLETIONS, { prompt: null }, 400, /^"prompt" is missing$/, 'prompt')
  await refused(COMPLETIONS, { prompt: 'a', stop: [null] }, 400, /a text or a list of texts/, 'stop')
})

test('a seed may be any whole number of 64 bits, and gives the same text each time', async () => {
  const texts = async (seed: number | string) => {
    const ask = `{"prompt": "Once", "max_tokens": 8, "temperature": 1, "n": 2, "seed": ${seed}}`
    const { status, body } = await post(served.url, COMPLETIONS, ask)
    assert.is(status, 200, JSON.stringify(body))
    return body.choices.map(({ text }: { text: string }) => text)
  }
  for (const seed of [-1, '-9223372036854775808', '9223372036854775807', Number.MAX_SAFE_INTEGER]) {
    assert.equal(await texts(seed), await texts(seed), String(seed))
  }
  assert.not.equal(await texts(-1), await texts(-2))
  // The seed after the largest is 0.
  assert.is((await texts(-1))[1], (await texts(0))[0])
})

test('a request that cannot be run is refused before anything runs', async () => {
  const prompt = (value: unknown, message: RegExp) => refused(COMPLETIONS, { prompt: value }, 400, message, 'prompt')
  await prompt('', /the prompt is empty/)
  await prompt([[]], /the prompt is empty|must be/)
  await prompt([], /must have at least one prompt/)
  await prompt([5000], /token 5000 does not exist; the last is 4095/)
  await prompt(new Array(200).fill(5), /has 200 tokens; the limit is 200/)
  await prompt(new Array(3).fill(new Array(190).fill(5)), /570 tokens exceed the limit of 500 per request/)
  await refused(COMPLETIONS, { prompt: ['a', 'b', 'c'], n: 3 }, 400, /exceed the limit of 6 texts/, 'n')
  const thrice = { prompt: new Array(190).fill(5), n: 3 }
  await refused(COMPLETIONS, thrice, 400, /570 tokens exceed the limit of 500 per request/, 'prompt')
  const scored = { prompt: new Array(100).fill(5), echo: true, logprobs: 10 }
  await refused(COMPLETIONS, scored, 400, /1100 log-probabilities exceed the limit of 1000/, 'logprobs')
  const long = { prompt: new Array(60).fill(5), routed_experts: true }
  await refused(COMPLETIONS, long, 400, /at most 50 tokens; this one has 60; send "answer"/, 'routed_experts')
})

test('an answer ends at the end of the context, whatever max_tokens is', async () => {
  const ask = { prompt: new Array(195).fill(5), max_tokens: 100, ignore_eos: true, temperature: 0 }
  const { body } = await post(served.url, COMPLETIONS, ask)
  assert.is(body.usage.completion_tokens, 5)
  assert.is(body.choices[0].finish_reason, 'length')
})

test('a body that is not JSON is refused', async () => {
  await refused(COMPLETIONS, '{"prompt": ', 400, /not valid JSON/)
  await refused(COMPLETIONS, '[]', 400, /must be an object/)
  await refused(COMPLETIONS, 'null', 400, /must be an object/)
  await refused(COMPLETIONS, '['.repeat(10_000), 400, /nested more than 64 deep/)
  await refused(COMPLETIONS, { prompt: 'a'.repeat(20_000) }, 413, /20000 bytes/)
  const headers = { 'Content-Type': 'application/json' }
  const body = new Uint8Array([0x22, 0xff, 0x22])
  const response = await fetch(`${served.url}${COMPLETIONS}`, { method: 'POST', headers, body })
  assert.is(response.status, 400)
  assert.match(await response.text(), /UTF-8/)
})

test('a body without a JSON Content-Type is refused, since a page of another origin could send it', async () => {
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data']) {
    const { status, body } = await post(served.url, COMPLETIONS, '{"prompt": "a"}', { 'Content-Type': type })
    assert.is(status, 415)
    assert.match(body.error.message, /Content-Type: application\/json/)
  }
})

test('another model is not found, and neither is another path', async () => {
  const other = { prompt: 'a', model: 'gpt-4' }
  await refused(COMPLETIONS, other, 404, /the model "gpt-4" is not here; this server has nano/, 'model')
  for (const path of ['/v1/embeddings', '/v1/models/gpt-4', '/v1']) {
    const { status, body } = await get(served.url, path)
    assert.is(status, 404)
    assert.is(body.error.type, 'not_found_error')
  }
})

test('a request to an unknown endpoint gets a hint, with a status whose message clients show', async () => {
  for (const [path, hint] of [
    ['/v1/responses/resp_1/cancel', /unknown endpoint: POST \/v1\/responses\/resp_1\/cancel; responses are not stored/],
    ['/responses', /did you mean \/v1\/responses\?$/],
    ['/v1/embeddings', /makes no embeddings/],
    ['/v1/embeddings/', /makes no embeddings/],
    ['/v1/completions/', /did you mean \/v1\/completions\?$/],
    ['/completions', /did you mean \/v1\/completions\?$/],
    ['/v1/v1/chat/completions', /did you mean \/v1\/chat\/completions\?$/],
    ['/v1/audio/speech', /^unknown endpoint: POST \/v1\/audio\/speech$/],
  ] as const) {
    await refused(path, {}, 400, hint)
  }
})

test('every response has an id, and forbids browsers to guess its type or to show it in other sites', async () => {
  const responses = await Promise.all([
    get(served.url, '/health'),
    get(served.url, '/metrics'),
    get(served.url, '/nowhere'),
    post(served.url, COMPLETIONS, { prompt: 'a', max_tokens: 1 }),
    post(served.url, COMPLETIONS, { prompt: 'a', max_tokens: 1, stream: true }),
    post(served.url, COMPLETIONS, { guidance: 1 }),
  ])
  const ids = responses.map(({ headers }) => headers.get('x-request-id') ?? '')
  for (const id of ids) assert.match(id, /^req_[0-9a-f]{32}$/)
  assert.is(new Set(ids).size, ids.length)
  for (const { headers } of responses) {
    assert.is(headers.get('x-content-type-options'), 'nosniff')
    assert.is(headers.get('cross-origin-resource-policy'), 'same-origin')
  }
  const { _request_id } = await served.client.completions.create({ model: 'nano', prompt: 'a', max_tokens: 1 })
  assert.match(_request_id ?? '', /^req_/)
})

test('the official client turns them into its own errors', async () => {
  const failing = (ask: object) => thrownBy(served.client.completions.create({ model: 'nano', prompt: 'a', ...ask }))
  const unknown = await failing({ guidance: 2 })
  assert.instance(unknown, OpenAI.BadRequestError)
  const { status, param, code, message } = unknown as InstanceType<typeof OpenAI.BadRequestError>
  assert.is(status, 400)
  assert.is(param, 'guidance')
  assert.is(code, 'unknown_parameter')
  assert.match(message, /"guidance" is not supported/)
  assert.instance(await failing({ model: 'gpt-4' }), OpenAI.NotFoundError)
})

test('the model is listed under its alias', async () => {
  const list = []
  for await (const { id, object } of await served.client.models.list()) list.push({ id, object })
  assert.equal(list, [{ id: 'nano', object: 'model' }])
  assert.is((await served.client.models.retrieve('nano')).owned_by, 'molm')
})

test('texts are encoded and decoded as an evaluation program asks', async () => {
  const text = 'The lantern <|endoftext|> ☃'
  const { body } = await post(served.url, '/tokenize', { prompt: text, add_special_tokens: false })
  assert.equal(body.tokens, served.model.tokenizer.encode(text, { addSpecialTokens: false }))
  assert.is(body.count, body.tokens.length)
  assert.is(body.max_model_len, 200)
  const back = await post(served.url, '/detokenize', { tokens: body.tokens })
  assert.equal(back.body, { prompt: text })
  const { body: info } = await get(served.url, '/tokenizer_info')
  assert.is(info.eos_token, '<|endoftext|>')
  assert.match(info.chat_template, /^\{% for message in messages %\}/)
  const { body: eos } = await post(served.url, '/tokenize', { prompt: info.eos_token, add_special_tokens: false })
  assert.equal(eos.tokens, [served.model.config.eosToken])
})

test('a form that takes too long is a 400 that names it; one that finds no room now is a 503 with a time to wait', async () => {
  const form = 'regex (a?){500}a{500}'
  const failing = async (error: Error) => {
    const model = Object.create(served.model, { checkConstraint: { value: () => Promise.reject(error) } })
    const other = await serveNano({}, model)
    const answers = []
    for (const [path, body] of [
      [COMPLETIONS, { prompt: 'a', regex: '(a?){500}a{500}' }],
      [CHAT, { messages: MESSAGES, structured_outputs: { regex: '(a?){500}a{500}' } }],
    ] as const)
      answers.push(await post(other.url, path, { ...body, stream: true }))
    await other.close()
    return answers.map(({ status, headers, body }) => ({
      status,
      retryAfter: headers.get('retry-after'),
      ...body.error,
    }))
  }
  const tooLong = `${form}: it took more than 10 seconds of computing to prepare`
  for (const [i, error] of (await failing(new UserError(tooLong))).entries()) {
    const param = ['regex', 'structured_outputs.regex'][i]
    const type = 'invalid_request_error'
    assert.equal(error, { status: 400, retryAfter: null, message: tooLong, type, param, code: null })
  }
  const busy = `${form}: too many large forms are waiting; try again later`
  for (const error of await failing(new Busy(busy, 10))) {
    const type = 'service_unavailable_error'
    assert.equal(error, { status: 503, retryAfter: '10', message: busy, type, param: null, code: 'busy' })
  }
})

test.run()
