import type OpenAI from 'openai'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { resultOf } from '#molm/index.js'
import { eventsIn, get, post, serverFor, sharedNano, withNano } from './served.js'

/* POST /v1/completions with the official client. */
const test = suite('completions')

const TEXT = 'The lantern is lit, and the'
const GREEDY = { model: 'nano', temperature: 0, max_tokens: 8 }
const served = serverFor(test, sharedNano)

/** The library's result for the same prompt, alone. */
async function alone(prompt: string | number[], options: object = {}): Promise<{ text: string; tokens: number[] }> {
  const session = served.model.createSession()
  const result = await resultOf(session.generate(prompt, { temperature: 0, maxTokens: 8, stop: [], ...options }))
  session.dispose()
  return result
}

test('a text is continued as the library continues it', async () => {
  const { choices, usage, object, model } = await served.client.completions.create({ ...GREEDY, prompt: TEXT })
  const { text, tokens } = await alone(TEXT)
  assert.is(object, 'text_completion')
  assert.is(model, 'nano')
  assert.equal(choices, [{ index: 0, text, logprobs: null, finish_reason: 'length' } as never])
  assert.is(usage?.prompt_tokens, served.model.tokenizer.encode(TEXT).length)
  assert.is(usage?.completion_tokens, tokens.length)
  assert.is(usage?.total_tokens, tokens.length + (usage?.prompt_tokens ?? 0))
})

test('token ids, lists of texts and lists of id lists are prompts too', async () => {
  const texts = [TEXT, 'Once upon a time', 'A dog']
  const ids = texts.map((text) => served.model.tokenizer.encode(text))
  const expected = await Promise.all(texts.map(async (text) => (await alone(text)).text))
  const textsOf = async (prompt: OpenAI.CompletionCreateParams['prompt']) => {
    const { choices } = await served.client.completions.create({ ...GREEDY, prompt })
    for (const [i, { index }] of choices.entries()) assert.is(index, i)
    return choices.map(({ text }) => text)
  }
  assert.equal(await textsOf(ids[0]), [expected[0]])
  assert.equal(await textsOf(texts), expected)
  assert.equal(await textsOf(ids), expected)
})

test('echo with logprobs scores every token of prompt and answer but the first', async () => {
  const { choices } = await served.client.completions.create({ ...GREEDY, prompt: TEXT, echo: true, logprobs: 2 })
  const [{ text, logprobs }] = choices
  const { tokens = [], token_logprobs = [], top_logprobs = [], text_offset = [] } = logprobs ?? {}
  const answer = await alone(TEXT)
  const ids = [...served.model.tokenizer.encode(TEXT), ...answer.tokens]
  assert.is(text, TEXT + answer.text)
  assert.equal(
    tokens,
    ids.map((id) => served.model.tokenizer.decode([id])),
  )
  for (const list of [token_logprobs, top_logprobs, text_offset]) assert.is(list.length, ids.length)
  assert.is(token_logprobs[0], null)
  assert.is(top_logprobs[0], null)
  for (const [i, token] of tokens.entries()) {
    assert.is(text.slice(text_offset[i], text_offset[i] + token.length), token)
    if (i === 0) continue
    const top = Object.entries(top_logprobs[i])
    // The token itself is included, even if it is not one of the two likeliest.
    assert.is(top_logprobs[i][token], token_logprobs[i])
    assert.ok(top.length === 2 || (top.length === 3 && top[2][0] === token))
    for (let at = 1; at < top.length; at++) assert.ok(top[at - 1][1] >= top[at][1])
  }
  // The answer is greedy: its tokens are the likeliest, with exactly the same number.
  for (let i = ids.length - answer.tokens.length; i < ids.length; i++) {
    assert.is(token_logprobs[i], Math.max(...Object.values(top_logprobs[i])))
  }
})

test('a prompt scores as in a forward pass, whatever else runs', async () => {
  const prompt = served.model.tokenizer.encode(TEXT.repeat(10))
  const ask = { ...GREEDY, prompt, echo: true, logprobs: 0, max_tokens: 0 }
  const [first, ...others] = await Promise.all(Array.from({ length: 3 }, () => served.client.completions.create(ask)))
  const scores = first.choices[0].logprobs?.token_logprobs ?? []
  assert.is(scores.length, prompt.length)
  for (const { choices } of others) assert.equal(choices[0].logprobs?.token_logprobs, scores)
  const session = served.model.createSession()
  const { logits } = await session.forward(prompt, { logits: 'all' })
  session.dispose()
  const { vocabSize } = served.model.config
  for (let i = 1; i < prompt.length; i++) {
    const row = logits.subarray((i - 1) * vocabSize, i * vocabSize)
    const norm = Math.log(row.reduce((sum, logit) => sum + Math.exp(logit), 0))
    assert.ok(Math.abs((scores[i] as number) - (row[prompt[i]] - norm)) < 1e-6)
  }
})

test('with max_tokens 0 nothing is generated, with or without echo', async () => {
  const none = { ...GREEDY, prompt: TEXT, max_tokens: 0 }
  const plain = await served.client.completions.create(none)
  assert.is(plain.choices[0].text, '')
  assert.is(plain.choices[0].finish_reason, 'length')
  assert.is(plain.usage?.completion_tokens, 0)
  const echoed = await served.client.completions.create({ ...none, echo: true, logprobs: 1 })
  assert.is(echoed.choices[0].text, TEXT)
  assert.is(echoed.choices[0].logprobs?.tokens?.length, served.model.tokenizer.encode(TEXT).length)
})

test('the likeliest tokens are reported without echo too, from the beginning of the choice', async () => {
  const { choices } = await served.client.completions.create({ ...GREEDY, prompt: TEXT, logprobs: 1 })
  const { tokens = [], text_offset = [] } = choices[0].logprobs ?? {}
  assert.is(tokens.join(''), choices[0].text)
  assert.is(text_offset[0], 0)
  assert.is(text_offset[1], tokens[0].length)
})

test('a seed gives the same texts again, and the choices of a prompt have different seeds', async () => {
  const ask = { model: 'nano', prompt: 'Once', temperature: 1.5, top_p: 1, max_tokens: 12, seed: 7 }
  const { choices } = await served.client.completions.create({ ...ask, n: 3 })
  const single = async (seed: number) => (await served.client.completions.create({ ...ask, seed })).choices[0].text
  const texts = choices.map(({ text }) => text)
  assert.equal(texts, [await single(7), await single(8), await single(9)])
  assert.is(new Set(texts).size, 3)
})

test('there are n choices for each prompt, in the order of the prompts', async () => {
  const ask = { model: 'nano', prompt: ['Once', 'A dog'], temperature: 1.5, max_tokens: 6, seed: 3 }
  const { choices, usage } = await served.client.completions.create({ ...ask, n: 2 })
  const dog = await served.client.completions.create({ ...ask, prompt: 'A dog', n: 2 })
  for (const [i, { index }] of choices.entries()) assert.is(index, i)
  assert.is(choices.length, 4)
  const ofDog = choices.slice(2).map(({ text }) => text)
  assert.equal(
    ofDog,
    dog.choices.map(({ text }) => text),
  )
  const lengths = ask.prompt.map((text) => served.model.tokenizer.encode(text).length)
  assert.is(usage?.prompt_tokens, lengths[0] + lengths[1])
})

test('a stop string ends the text and is not part of it', async () => {
  const { text } = await alone(TEXT, { maxTokens: 30 })
  const stop = text.slice(8, 11)
  for (const given of [stop, ['never', stop]]) {
    const ask = { ...GREEDY, prompt: TEXT, max_tokens: 30, stop: given }
    const { choices } = await served.client.completions.create(ask)
    assert.is(choices[0].text, text.slice(0, text.indexOf(stop)))
    assert.is(choices[0].finish_reason, 'stop')
  }
})

test('a stream has the same text and scores as a complete response, and ends with its usage', async () => {
  const ask = { ...GREEDY, prompt: [TEXT, 'A dog'], echo: true, logprobs: 1, n: 1 }
  const whole = await served.client.completions.create(ask)
  const streaming = { ...ask, stream: true, stream_options: { include_usage: true } } as const
  const stream = await served.client.completions.create(streaming)
  const texts = ['', '']
  const scores: unknown[][] = [[], []]
  const offsets: number[][] = [[], []]
  const reasons: (string | null)[] = [null, null]
  let usage: unknown
  for await (const chunk of stream) {
    if (chunk.usage) usage = chunk.usage
    for (const { index, text, logprobs, finish_reason } of chunk.choices) {
      assert.is(reasons[index], null, 'nothing comes after the end of a choice')
      texts[index] += text
      scores[index].push(...(logprobs?.token_logprobs ?? []))
      offsets[index].push(...(logprobs?.text_offset ?? []))
      reasons[index] = finish_reason
    }
  }
  for (const { index, text, logprobs, finish_reason } of whole.choices) {
    assert.is(texts[index], text)
    assert.equal(scores[index], logprobs?.token_logprobs)
    assert.equal(offsets[index], logprobs?.text_offset)
    assert.is(reasons[index], finish_reason)
  }
  assert.equal({ ...(usage as object), prompt_tokens_details: 0 }, { ...whole.usage, prompt_tokens_details: 0 })
})

test('the common beginning of prompts is read once', async () => {
  const system = 'The old house by the river had seven windows, and in each of them a lamp was burning. '
  const begin = served.model.tokenizer.encode(system)
  const ask = async (tail: number[]) => {
    const { usage } = await served.client.completions.create({ ...GREEDY, prompt: [...begin, ...tail] })
    return usage?.prompt_tokens_details?.cached_tokens
  }
  await ask([65, 70])
  assert.is(await ask([66, 71, 72]), begin.length)
  // All but its last token, which has to be run.
  assert.is(await ask([66, 71, 72]), begin.length + 2)
})

test('an answer after kept tokens is the same as after reading the whole prompt', async () => {
  const story = `${TEXT} door of the house was open. `.repeat(4)
  for (const tail of ['Then', 'Nobody', 'Then he said', '']) {
    const prompt = story + tail
    const { choices } = await served.client.completions.create({ ...GREEDY, prompt })
    assert.is(choices[0].text, (await alone(prompt)).text, tail)
  }
})

test('characters of several tokens come whole, and their tokens are shown as bytes', async () => {
  const prompt = 'snow ☃ and 雪'
  const ask = { ...GREEDY, prompt, echo: true, logprobs: 1, max_tokens: 0 }
  const { choices } = await served.client.completions.create(ask)
  assert.is(choices[0].text, prompt)
  const { tokens = [] } = choices[0].logprobs ?? {}
  assert.ok(tokens.some((token) => /^bytes:(\\x[0-9a-f]{2})+$/.test(token)))
})

test('routed_experts has the experts that a forward pass wakes, for prompt and answer', async () => {
  const { body } = await post(served.url, '/v1/completions', { ...GREEDY, prompt: TEXT, routed_experts: true })
  const [{ routed_experts: answer, prompt_routed_experts: read }] = body.choices
  const all = [...read, ...answer]
  const ids = all.map(({ token }: { token: number }) => token)
  assert.equal(ids.slice(0, read.length), served.model.tokenizer.encode(TEXT))
  assert.is(answer.length, 8)
  const session = served.model.createSession()
  const { routes } = await session.forward(ids, { logits: 'none', routes: true })
  session.dispose()
  for (const [i, { text, token, experts }] of all.entries()) {
    assert.is(text, served.model.tokenizer.decode([token]))
    for (const { layer, attention, mlp } of experts) {
      for (const [kind, told] of Object.entries({ attention, mlp })) {
        const of = routes[layer][kind as 'mlp']
        const k = (of?.ids.length ?? 0) / ids.length
        assert.equal(told.ids, [...(of?.ids.subarray(i * k, (i + 1) * k) ?? [])])
        assert.equal(told.gates.map(Math.fround), [...(of?.gates.subarray(i * k, (i + 1) * k) ?? [])])
      }
    }
  }
})

test('return_routed_experts packs the same experts in bytes, whole and at the end of a stream', async () => {
  const body = { ...GREEDY, prompt: TEXT, n: 2 }
  const { body: lists } = await post(served.url, '/v1/completions', { ...body, routed_experts: true })
  const { body: whole } = await post(served.url, '/v1/completions', { ...body, return_routed_experts: true })
  const asked = { ...body, return_routed_experts: true, stream: true }
  const events = eventsIn((await post(served.url, '/v1/completions', asked)).body)
  const ends = events.flatMap(({ choices }) => choices).filter((choice) => choice.routed_experts)
  assert.equal(
    ends.map(({ finish_reason }) => finish_reason),
    ['length', 'length'],
  )
  for (const [i, choice] of lists.choices.entries()) {
    const tokens = [...choice.prompt_routed_experts, ...choice.routed_experts].slice(0, -1)
    const { routed_experts: packed, ...rest } = whole.choices[i]
    assert.is(rest.text, choice.text)
    assert.not.ok('prompt_routed_experts' in rest)
    const ids = tokens.flatMap(({ experts }) => experts.flatMap(({ mlp }: { mlp: { ids: number[] } }) => mlp.ids))
    const { layers, mixtures } = served.model.config
    const k = mixtures.find(({ kind }) => kind === 'mlp')?.topK
    const { data, ...place } = packed
    assert.equal(place, { shape: [tokens.length, layers, k], dtype: 'int16', start: 0 })
    const bytes = Buffer.from(data, 'base64')
    assert.equal(
      ids,
      Array.from({ length: bytes.length / 2 }, (_, i) => bytes.readInt16LE(2 * i)),
    )
    assert.equal(ends.find(({ index }) => index === i)?.routed_experts, packed)
  }
  const both = await post(served.url, '/v1/completions', { ...asked, routed_experts: 'answer' })
  assert.is(both.body.error.param, 'return_routed_experts')
})

test('the experts of the answer alone are the same as in the whole text, and nothing read before is read again', async () => {
  const body = { ...GREEDY, prompt: `${TEXT} oars creak`, max_tokens: 6 }
  const { body: whole } = await post(served.url, '/v1/completions', { ...body, routed_experts: true })
  const { body: brief } = await post(served.url, '/v1/completions', { ...body, routed_experts: 'answer' })
  const [{ routed_experts: answer, ...choice }] = brief.choices
  assert.equal(answer, whole.choices[0].routed_experts)
  assert.is(answer.length, 6)
  assert.not.ok('prompt_routed_experts' in choice)
  assert.is(whole.usage.prompt_tokens_details.cached_tokens, 0)
  assert.is(brief.usage.prompt_tokens_details.cached_tokens, brief.usage.prompt_tokens - 1)
})

test('the experts of the answer are reported after a prompt of any length, the experts of the prompt up to a limit', async () => {
  await withNano({ limits: { routedTokens: 100 } }, served.model, async (own) => {
    const ask = { ...GREEDY, prompt: new Array(101).fill(300), ignore_eos: true }
    const { status, body } = await post(own.url, '/v1/completions', { ...ask, routed_experts: 'answer' })
    assert.is(status, 200, JSON.stringify(body))
    assert.is(body.choices[0].routed_experts.length, 8)
    const whole = await post(own.url, '/v1/completions', { ...ask, routed_experts: true })
    assert.is(whole.body.error.param, 'routed_experts')
    const shorter = { ...ask, prompt: ask.prompt.slice(1), routed_experts: true }
    assert.is((await post(own.url, '/v1/completions', shorter)).status, 200)
  })
})

test('clients at once each get their own answer', async () => {
  const prompts = Array.from({ length: 12 }, (_, i) => `${i} lamps and ${i * i} doors`)
  const expected: string[] = []
  for (const prompt of prompts) expected.push((await alone(prompt)).text)
  const answers = await Promise.all(prompts.map((prompt) => served.client.completions.create({ ...GREEDY, prompt })))
  const together = answers.map(({ choices }) => choices[0].text)
  assert.equal(together, expected)
})

test('metrics count requests and tokens', async () => {
  const before = await metrics()
  await served.client.completions.create({ ...GREEDY, prompt: TEXT })
  const after = await metrics()
  const grown = (name: string) => after[name] - before[name]
  assert.is(grown('molm_prompt_tokens_total'), served.model.tokenizer.encode(TEXT).length)
  assert.is(grown('molm_generated_tokens_total'), 8)
  assert.is(grown('molm_http_requests_total{path="/v1/completions",status="200"}'), 1)
  assert.ok(grown('molm_micro_batches_total') >= 8)
  assert.ok(grown('molm_expert_hits_total') > 0)
  assert.is(after.molm_sequences_running, 0)
  assert.ok(after.molm_cache_bytes > 0)
  assert.ok(after.molm_first_token_seconds_count > 0)
})

async function metrics(): Promise<Record<string, number>> {
  const { body } = await get(served.url, '/metrics')
  const lines = (body as string).split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]))
}

test.run()
