import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { LIMITS } from '#molm/server/common/limits.js'
import { marginWithin, sharesWithin } from '#molm/server/run/memory-shares.js'
import { post, serveNano } from './served.js'

/* Limits of bodies and answers, and the margin of caches, depend on the memory that is free at the start. */
const test = suite('shares of memory')

const MIB = 2 ** 20

test('with much memory the limits are unchanged, with little they are shares of it', () => {
  const { bodyBytes, bodiesBytes, answerBytes, answersBytes } = LIMITS
  const all = { bodyBytes, bodiesBytes, answerBytes, answersBytes }
  assert.equal(sharesWithin(LIMITS, 8 * 2 ** 30), all)
  assert.equal(sharesWithin(LIMITS, Number.POSITIVE_INFINITY), all)
  const little = sharesWithin(LIMITS, 160 * MIB)
  assert.equal(little, { bodyBytes: 4 * MIB, bodiesBytes: 10 * MIB, answerBytes: 20 * MIB, answersBytes: 20 * MIB })
  const none = { bodyBytes: MIB, bodiesBytes: MIB, answerBytes: MIB, answersBytes: MIB }
  assert.equal(sharesWithin(LIMITS, -1), none)
})

test('caches leave room for all bodies, twice, and all answers, and never take all memory', () => {
  for (let free = 100 * MIB; free < 8 * 2 ** 30; free += 100 * MIB) {
    const { bodiesBytes, answersBytes } = sharesWithin(LIMITS, free)
    const margin = marginWithin(LIMITS, free)
    assert.ok(margin >= 32 * MIB && margin >= 2 * bodiesBytes + answersBytes, `${free}`)
    assert.ok(margin <= free / 2, `${free}`)
  }
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

test.run()
