import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { MemoryStats, ModelInfo } from '#molm/index.js'
import type { ApiError } from '#molm/server/common/api-error.js'
import { LIMITS } from '#molm/server/common/limits.js'
import { CacheMemory } from '#molm/server/run/cache-memory.js'
import { Memory } from '#molm/server/run/memory.js'
import { post, serveNano, serverFor, sharedNano, withNano } from './served.js'

/* Limits of bodies, answers and caches, by the memory that is free at the start. */
const test = suite('memory')

const MIB = 2 ** 20
const served = serverFor(test, sharedNano)

/** A process that has as much free memory and counts how often that is read, and a memory that has been divided. */
function processOf(free: number) {
  const process = { free, readings: 0, available: () => read(), used: () => 0 }
  const read = () => {
    process.readings++
    return process.free
  }
  const memory = new Memory(LIMITS, process)
  memory.divide()
  return { process, memory }
}

test('with much memory the limits are unchanged, with little they are shares of it', () => {
  const { bodyBytes, bodiesBytes, answerBytes, answersBytes } = LIMITS
  const sharesOf = (free: number) => {
    const { limits } = processOf(free).memory
    return [limits.bodyBytes, limits.bodiesBytes, limits.answerBytes, limits.answersBytes]
  }
  for (const free of [8 * 2 ** 30, Number.POSITIVE_INFINITY]) {
    assert.equal(sharesOf(free), [bodyBytes, bodiesBytes, answerBytes, answersBytes])
  }
  assert.equal(sharesOf(160 * MIB), [4 * MIB, 10 * MIB, 20 * MIB, 20 * MIB])
  assert.equal(sharesOf(-1), [MIB, MIB, MIB, MIB])
})

test('caches leave room for all bodies, twice, and all answers, and never take all memory', () => {
  for (let free = 100 * MIB; free < 8 * 2 ** 30; free += 100 * MIB) {
    const { memory } = processOf(free)
    const { bodiesBytes, answersBytes } = memory.limits
    const margin = free - memory.forCaches
    assert.ok(margin >= 32 * MIB && margin >= 2 * bodiesBytes + answersBytes, `${free}`)
    assert.ok(margin <= free / 2, `${free}`)
  }
})

test('memory that requests take counts as part of the margin, and other models’ memory does not', () => {
  const model = { held: 0, toCome: 0 }
  const process = { free: 1_000 * MIB, taken: 50 * MIB }
  const memory = new Memory(LIMITS, { available: () => process.free, used: () => process.taken }, () => [model])
  memory.divide()
  const { forCaches } = memory
  const take = (mib: number) => {
    process.free -= mib * MIB
    process.taken += mib * MIB
  }
  take(20)
  assert.is(memory.forCaches, forCaches)
  take(100)
  model.held += 100 * MIB
  assert.is(memory.forCaches, forCaches - 100 * MIB)
  model.toCome = 30 * MIB
  assert.is(memory.forCaches, forCaches - 130 * MIB)
})

test('a server with little memory refuses bodies and answers that it would accept with more', async () => {
  const own = await serveNano({ memory: { available: () => 40 * MIB, used: () => 0 } })
  const ask = { prompt: 'a', max_tokens: 1 }
  try {
    const { status } = await post(own.url, '/v1/completions', { ...ask, user: 'u'.repeat(2 * MIB) })
    assert.is(status, 200)
    const large = await post(own.url, '/v1/completions', { ...ask, user: 'u'.repeat(3 * MIB) })
    assert.is(large.status, 413)
    assert.is(large.body.error.message, 'the body is larger than the limit of 2621440 bytes')
    const answer = await post(own.url, '/v1/completions', { ...ask, max_tokens: 1_000, logprobs: 20 })
    assert.is(answer.status, 400)
    assert.match(answer.body.error.message, /^an answer that is not streamed may take 5\.24 MB/)
  } finally {
    await own.close()
  }
})

/** The memory of a model's caches and a clock; a token in a cache takes a KiB. */
async function cachesOf(free: number) {
  const { process, memory } = processOf(free)
  const clock = { now: 0 }
  const stats = { cacheTokenBytes: 1024, cacheSequenceBytes: 0, weightsBytes: 0, budgetBytes: 0 } as MemoryStats
  const model = { stats: async () => stats, info: { bytes: 0 } as ModelInfo }
  const caches = new CacheMemory(model, memory, () => clock.now)
  await caches.ready()
  process.readings = 0
  return { process, caches, clock }
}

test('a reading is used for a while, but an old one refuses nothing', async () => {
  const { process, caches, clock } = await cachesOf(32 * MIB + 1_000 * 1024)
  for (let i = 0; i < 50; i++) assert.is(caches.tokensFor(i), 1_000)
  assert.is(process.readings, 1)
  // Memory that caches have taken since that reading was free at it, and is not counted twice.
  caches.note(600)
  process.free -= 600 * 1024
  assert.is(caches.tokensFor(700), 1_000)
  process.free += 500 * 1024
  assert.is(caches.tokensFor(1_000), 1_000)
  assert.is(caches.tokensFor(1_001), 1_500)
  assert.is(process.readings, 2)
  process.free = 32 * MIB
  assert.is(caches.tokensFor(1), 1_500)
  clock.now += 101
  assert.is(caches.tokensFor(1), 600)
  assert.is(process.readings, 3)
})

/** Checks that an answer is refused, with a message that suggests `wayOut`. */
async function tooLarge(path: string, body: object, wayOut: string): Promise<void> {
  const { status, body: said } = await post(served.url, path, body)
  assert.is(status, 400, JSON.stringify(said).slice(0, 300))
  assert.is(said.error.param, 'max_tokens')
  assert.is(said.error.code, 'answer_too_large')
  assert.match(said.error.message, /^an answer that is not streamed may take 67\.1 MB; up to \d+ tokens/)
  assert.ok(said.error.message.endsWith(`may take more: set "stream" to true, or ${wayOut}`), said.error.message)
}

test('an answer that could take all memory is refused before anything runs, and the message says what fits', async () => {
  const before = (await served.model.stats()).tokensProcessed
  const messages = [{ role: 'user', content: 'a' }]
  const completions = '/v1/completions'
  const chat = { messages, max_completion_tokens: 32_000, logprobs: true, top_logprobs: 20 }
  await tooLarge(completions, { prompt: ['a', 'b'], n: 128, max_tokens: 32_000 }, 'set "max_tokens" to 1024 or less')
  await tooLarge(completions, { prompt: 'a', max_tokens: 11_916, logprobs: 20 }, 'set "max_tokens" to 11915 or less')
  const routed = { prompt: 'a', max_tokens: 32_000, routed_experts: true }
  await tooLarge(completions, routed, 'set "max_tokens" to 16383 or less')
  await tooLarge('/v1/chat/completions', chat, 'set "max_tokens" to 11915 or less')
  const long = new Array(8).fill(new Array(4000).fill(300))
  await tooLarge(completions, { prompt: long, routed_experts: true }, 'ask for less')
  assert.is((await served.model.stats()).tokensProcessed, before)
})

test('the number of tokens that the message suggests is accepted', async () => {
  const ask = { prompt: 'a', max_tokens: 11_915, logprobs: 20, stop: ['e', 'o', 'a', ' ', '\n'] }
  assert.is((await post(served.url, '/v1/completions', ask)).status, 200)
})

test('the same request is answered in a stream, and a small one at once', async () => {
  const large = { prompt: 'a', max_tokens: 32_000, logprobs: 20, n: 8, stop: ['e', 'o', 'a', ' ', '\n'] }
  const { status, body } = await post(served.url, '/v1/completions', { ...large, stream: true })
  assert.is(status, 200)
  assert.match(body, /data: \[DONE\]\n\n$/)
  const plain = { ...large, logprobs: undefined, max_tokens: undefined, n: 128 }
  assert.is((await post(served.url, '/v1/completions', plain)).status, 200)
  const longest = { ...large, logprobs: undefined, max_tokens: 32_768 }
  assert.is((await post(served.url, '/v1/completions', longest)).status, 200)
})

test('scores and experts of prompts are bounded in a stream too, since each prompt comes in one piece', async () => {
  const stream = { prompt: new Array(500).fill(300), max_tokens: 1, stream: true }
  await withNano({ limits: { answersBytes: 2 * MIB } }, served.model, async (own) => {
    for (const [param, more] of [
      ['logprobs', { echo: true, logprobs: 20 }],
      ['routed_experts', { routed_experts: true, prompt: new Array(8).fill(stream.prompt) }],
    ] as const) {
      const { status, body } = await post(own.url, '/v1/completions', { ...stream, ...more })
      assert.is(status, 400, JSON.stringify(body).slice(0, 300))
      assert.is(body.error.param, param)
      assert.is(body.error.code, 'answer_too_large')
      assert.match(body.error.message, /all answers together at most 2\.10 MB: ask for less$/)
      const whole = await post(own.url, '/v1/completions', { ...stream, ...more, n: 128, stream: false })
      assert.is(whole.status, 400)
    }
    const few = { ...stream, echo: true, logprobs: 0 }
    assert.is((await post(own.url, '/v1/completions', few)).status, 200)
  })
})

test('large answers share a bound, small ones are always accepted', () => {
  const memory = new Memory({ ...LIMITS, answersBytes: 100 * MIB })
  const held = [60 * MIB, 40 * MIB].map((bytes) => memory.forAnswer(bytes))
  const refused = () => memory.forAnswer(3 * MIB)
  assert.throws(refused, ({ status, details }: ApiError) => status === 429 && Number(details.retryAfter) > 0)
  memory.forAnswer(MIB / 2)
  // A complete answer takes the memory of its text until that has been sent.
  held[0].set(30 * MIB)
  assert.throws(() => memory.forAnswer(31 * MIB))
  memory.forAnswer(30 * MIB).set(0)
  for (const one of held) one.set(0)
  memory.forAnswer(100 * MIB)
  assert.throws(refused)
})

test.run()
