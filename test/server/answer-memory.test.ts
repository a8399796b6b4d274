import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ApiError } from '#molm/server/common/api-error.js'
import { AnswerMemory } from '#molm/server/run/answer-memory.js'
import { post, type Served, serveNano, sharedNano } from './served.js'

/* An answer that is not streamed is kept until its end. Its memory is bounded before it begins. */
const test = suite('answer memory')

const MIB = 2 ** 20
let served: Served

test.before(async () => {
  served = await sharedNano.get()
})
test.after(() => sharedNano.release())

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
  await tooLarge(
    completions,
    { prompt: 'a', max_tokens: 32_000, routed_experts: true },
    'set "max_tokens" to 16383 or less',
  )
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
  const own = await serveNano({ limits: { answersBytes: 2 * MIB } }, served.model)
  const stream = { prompt: new Array(500).fill(300), max_tokens: 1, stream: true }
  try {
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
  } finally {
    await own.close()
  }
})

test('large answers share a bound, small ones are always accepted', () => {
  const memory = new AnswerMemory({ answersBytes: 100 * MIB })
  const releases = [memory.reserve(60 * MIB), memory.reserve(40 * MIB)]
  const refused = () => memory.reserve(3 * MIB)
  assert.throws(refused, (error: unknown) => {
    assert.instance(error, ApiError)
    const { status, details } = error as ApiError
    return status === 429 && Number(details.retryAfter) > 0
  })
  memory.reserve(MIB / 2)
  for (const release of releases) release()
  memory.reserve(100 * MIB)()
  // A complete answer takes the memory of its text until that has been sent.
  const release = memory.reserve(100 * MIB)
  release(40 * MIB)
  assert.throws(() => memory.reserve(61 * MIB))
  memory.reserve(60 * MIB)()
  release()
  release()
  memory.reserve(100 * MIB)
  assert.throws(refused)
})

test.run()
