import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { UNFILTERED } from '#molm/api/generation-options.js'
import { isAllowed } from '#molm/engine/sampling/candidates.js'
import { seededRandom } from '#molm/engine/sampling/random.js'
import { argmax, createSampler } from '#molm/engine/sampling/sample.js'
import { normalLogits } from './logits.js'

const VOCABULARY = 131
/** All filters off. */
const PLAIN = { ...UNFILTERED, seed: 1 }

function bitsOf(ids: Iterable<number>): Int32Array {
  const words = new Int32Array(Math.ceil(VOCABULARY / 32))
  for (const id of ids) words[id >> 5] |= 1 << (id & 31)
  return words
}

/** Logits that give every other token no chance, so that no limit is needed. */
function withoutOthers(logits: Float32Array, ids: readonly number[]): Float32Array {
  return logits.map((logit, id) => (ids.includes(id) ? logit : -Infinity))
}

function randomIds(seed: number): number[] {
  const random = seededRandom(seed)
  const share = random.nextFloat()
  const ids = Array.from({ length: VOCABULARY }, (_, id) => id).filter(() => random.nextFloat() < share)
  return ids.length > 0 ? ids : [seed % VOCABULARY]
}

test('every bit is for its id, the sign bit too', () => {
  for (const ids of [[], [0], [31], [31, 32, 63, 64, 130], [...Array(VOCABULARY).keys()]]) {
    const bits = bitsOf(ids)
    assert.equal(
      [...Array(VOCABULARY).keys()].filter((id) => isAllowed(bits, id)),
      ids,
    )
  }
})

test('the best allowed token is the lowest among equals', () => {
  const logits = Float32Array.from({ length: VOCABULARY }, (_, id) => (id % 7 === 3 ? 5 : 1))
  assert.is(argmax(logits, bitsOf([1, 2, 4, 10, 17])), 10)
  assert.is(argmax(logits.fill(Number.NaN), bitsOf([1, 2])), -1)
})

test('a limited choice is as if the model gave the other tokens no chance', () => {
  const plans = [
    { temperature: 0 },
    { temperature: 0, repeatPenalty: 1.7 },
    { temperature: 0.8, topK: 5, topP: 0.9, minP: 0.05 },
    { temperature: 1.5, topK: 0, topP: 1, minP: 0, repeatPenalty: 1.3 },
    { temperature: 0.7, topK: 40, topP: 1, minP: 0.1 },
    { temperature: 1, topK: 0, topP: 0.6, minP: 0 },
  ]
  for (const [i, plan] of plans.entries()) {
    const [limited, plain] = [
      createSampler({ ...PLAIN, ...plan, seed: i }),
      createSampler({ ...PLAIN, ...plan, seed: i }),
    ]
    for (let row = 0; row < 200; row++) {
      const logits = normalLogits(VOCABULARY, 3, row, row % 3 === 0 ? 0.5 : undefined)
      const ids = randomIds(row)
      const previous = [row % VOCABULARY, 7, 99]
      const chosen = limited.sample(logits, previous, { allowed: bitsOf(ids) })
      assert.is(chosen.token, plain.sample(withoutOthers(logits, ids), previous).token, `plan ${i}, row ${row}`)
    }
  }
})

test('the summary of a kernel does not pass by the limit, and log-probabilities are from before it', () => {
  const logits = normalLogits(VOCABULARY, 3, 5)
  const best = createSampler({ ...PLAIN, temperature: 0 }).sample(logits, [])
  const others = [...Array(VOCABULARY).keys()].filter((id) => id !== best.token)
  const summary = { argmax: best.token, logSumExp: logits[best.token] - best.logprob }
  const chosen = createSampler({ ...PLAIN, temperature: 0 }).sample(logits, [], { summary, allowed: bitsOf(others) })
  assert.is.not(chosen.token, best.token)
  assert.ok(Math.abs(chosen.logprob - (logits[chosen.token] - summary.logSumExp)) < 1e-6)
})

test('a row without a score for an allowed token is an error that names the constraint', () => {
  const logits = new Float32Array(VOCABULARY).fill(-Infinity)
  logits[3] = 1
  for (const temperature of [0, 1]) {
    const sampler = createSampler({ ...PLAIN, temperature })
    assert.throws(() => sampler.sample(logits, [], { allowed: bitsOf([4, 5]) }), /constraint allows/)
  }
})

test.run()
