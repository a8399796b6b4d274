import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Sampling, UNFILTERED } from '#molm/api/generation-options.js'
import { logprobOf } from '#molm/engine/sampling/logprobs.js'
import { argmax, createSampler } from '#molm/engine/sampling/sample.js'
import { UserError } from '#molm/ground/errors.js'
import { chiSquare, chiSquareLimit } from './chi-square.js'
import { normalLogits, ranking, softmax } from './logits.js'

/** All filters off: the model's own distribution. */
const PLAIN: Sampling = { ...UNFILTERED, seed: 1 }

function countDraws(logits: Float32Array, options: Partial<Sampling>, draws = 20_000, previousIds: number[] = []) {
  const sampler = createSampler({ ...PLAIN, ...options })
  const counts = new Int32Array(logits.length)
  for (let i = 0; i < draws; i++) counts[sampler.sample(logits, previousIds).token]++
  return counts
}

function followsDistribution(counts: Int32Array, probabilities: number[]): void {
  const outcomes = probabilities.filter((probability) => probability > 0).length
  const statistic = chiSquare(counts, probabilities)
  const limit = chiSquareLimit(outcomes - 1)
  assert.ok(statistic < limit, `chi-square ${statistic}, limit ${limit}`)
}

/** The distribution if all tokens but `kept` are excluded. */
function renormalised(logits: Float32Array, kept: number[], temperature = 1): number[] {
  const ruledOut = Float32Array.from(logits, (logit, id) => (kept.includes(id) ? logit : -Infinity))
  return softmax(ruledOut, temperature)
}

const LOGITS = normalLogits(20, 1.2, 3)
const RANKED = ranking(LOGITS)

test('draws from the softmax if all filters are off', () => {
  followsDistribution(countDraws(LOGITS, {}), softmax(LOGITS))
})

test('the check of distributions distinguishes temperatures of 1 and 0.9', () => {
  const statistic = chiSquare(countDraws(LOGITS, { temperature: 0.9 }), softmax(LOGITS))
  assert.ok(statistic > chiSquareLimit(LOGITS.length - 1))
})

test('temperature divides the logits', () => {
  const logits = normalLogits(20, 0.5, 6) // close together, so that even at 0.3 none is too rare to be counted
  for (const temperature of [0.3, 0.7, 2]) {
    followsDistribution(countDraws(logits, { temperature }), softmax(logits, temperature))
  }
})

test('top-k draws from the k likeliest in their own proportions', () => {
  followsDistribution(countDraws(LOGITS, { topK: 5 }), renormalised(LOGITS, RANKED.slice(0, 5)))
})

test('top-p draws from the nucleus in its own proportions', () => {
  const probabilities = softmax(LOGITS)
  let mass = 0
  const nucleus = RANKED.filter((id) => {
    const inside = mass < 0.7
    mass += probabilities[id]
    return inside
  })
  assert.ok(nucleus.length > 2 && nucleus.length < 15)
  followsDistribution(countDraws(LOGITS, { topP: 0.7 }), renormalised(LOGITS, nucleus))
})

test('min-p draws from the tokens near the likeliest', () => {
  const kept = RANKED.filter((id) => LOGITS[id] >= LOGITS[RANKED[0]] + Math.log(0.2))
  assert.ok(kept.length > 2 && kept.length < 15)
  followsDistribution(countDraws(LOGITS, { minP: 0.2 }), renormalised(LOGITS, kept))
})

test('the filters judge the distribution before the temperature', () => {
  const kept = RANKED.filter((id) => LOGITS[id] >= LOGITS[RANKED[0]] + Math.log(0.2))
  followsDistribution(countDraws(LOGITS, { minP: 0.2, temperature: 3 }), renormalised(LOGITS, kept, 3))
})

test('the filters judge the distribution after the repeat penalty', () => {
  const logits = Float32Array.of(2, 1.5, 1.4, -5)
  followsDistribution(countDraws(logits, { topK: 2, repeatPenalty: 4 }, 20_000, [0]), renormalised(logits, [1, 2]))
})

test('draws from a large vocabulary in the right proportions', () => {
  const logits = new Float32Array(50_295)
  const counts = countDraws(logits, {}, 500)
  const tenths = Array.from({ length: 10 }, (_, tenth) => {
    let count = 0
    for (let id = 0; id < counts.length; id++) if (Math.floor((id * 10) / counts.length) === tenth) count += counts[id]
    return count
  })
  assert.ok(chiSquare(tenths, new Array(10).fill(0.1)) < chiSquareLimit(9))
})

test('temperature 0 takes the likeliest token, the lowest id among equals, for any seed', () => {
  const logits = Float32Array.of(1, 5, 5, 2)
  for (let seed = 0; seed < 20; seed++) {
    assert.is(createSampler({ ...PLAIN, temperature: 0, seed }).sample(logits, []).token, 1)
  }
})

test('the same seed gives the same tokens, another seed others', () => {
  const logits = normalLogits(500, 1, 4)
  const run = (seed: number) => {
    const sampler = createSampler({ ...PLAIN, topP: 0.95, seed })
    return Array.from({ length: 30 }, () => sampler.sample(logits, []).token)
  }
  assert.equal(run(42), run(42))
  assert.not.equal(run(42), run(43))
})

test('the logprob is the model’s own for all options', () => {
  for (const options of [{}, { temperature: 0.5, topK: 2 }, { topP: 0.3 }, { repeatPenalty: 2, temperature: 0 }]) {
    const { token, logprob } = createSampler({ ...PLAIN, ...options }).sample(LOGITS, RANKED)
    assert.is(logprob, logprobOf(LOGITS, token))
  }
})

test('leaves the logits unchanged', () => {
  const logits = LOGITS.slice()
  createSampler({ ...PLAIN, repeatPenalty: 1.3, topK: 5, topP: 0.9, minP: 0.1 }).sample(logits, [1, 2, 3])
  assert.equal(logits, LOGITS)
})

test('one sampler takes logits of different vocabularies in turn', () => {
  const sampler = createSampler({ ...PLAIN, topK: 3, repeatPenalty: 1.1 })
  for (const size of [10, 500, 10]) assert.ok(sampler.sample(normalLogits(size, 1, size), [1]).token < size)
})

test('NaN and minus infinity are never drawn, plus infinity always', () => {
  const logits = Float32Array.of(Number.NaN, 1, -Infinity, 0.5)
  for (const options of [{}, { topK: 4 }, { temperature: 0 }, { topP: 0.9 }, { minP: 0.1 }]) {
    const counts = countDraws(logits, options, 200)
    assert.is(counts[0] + counts[2], 0)
    assert.is(countDraws(Float32Array.of(3, Infinity, 3), options, 50)[1], 50)
  }
})

test('a tiny temperature acts like greedy and gives no NaN', () => {
  assert.is(countDraws(LOGITS, { temperature: 1e-310 }, 50)[RANKED[0]], 50)
})

test('reports an error if no token has a usable logit', () => {
  for (const value of [Number.NaN, -Infinity]) {
    for (const options of [{}, { temperature: 0 }, { topK: 4, topP: 0.5, minP: 0.5, repeatPenalty: 2 }]) {
      const sampler = createSampler({ ...PLAIN, ...options })
      assert.throws(
        () => sampler.sample(new Float32Array(8).fill(value), [1]),
        (error: unknown) => error instanceof UserError && /no usable score for any token/.test(error.message),
      )
    }
  }
})

test('argmax is -1 if no logit is usable', () => {
  assert.is(argmax(Float32Array.of(Number.NaN, -Infinity)), -1)
  assert.is(argmax(Float32Array.of(Number.NaN, -4, -2)), 2)
})

test.run()
