import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Candidates, weigh } from '#molm/engine/sampling/candidates.js'
import { keepMinP } from '#molm/engine/sampling/sample.js'
import { keepTopK } from '#molm/engine/sampling/top-k.js'
import { keepTopP } from '#molm/engine/sampling/top-p.js'
import { normalLogits, ranking, softmax } from './logits.js'

function filled(logits: Float32Array): Candidates {
  const candidates = new Candidates(logits.length)
  candidates.fill(logits)
  return candidates
}

/** Ids of the candidates in rising order. Also checks that each still has its own logit. */
function idsOf(candidates: Candidates, logits: Float32Array): number[] {
  const ids = Array.from(candidates.ids.subarray(0, candidates.count))
  ids.forEach((id, at) => {
    assert.is(candidates.logits[at], logits[id])
  })
  return ids.sort((a, b) => a - b)
}

const rising = (ids: number[]) => ids.sort((a, b) => a - b)

/** Shapes of a vocabulary's logits: smooth, with many equal ones, flat, peaked, in order and in reverse order. */
const SHAPES: [string, Float32Array][] = [
  ['normal', normalLogits(1000, 2.5, 1)],
  ['coarse', normalLogits(1000, 1, 2, 0.5)],
  ['flat', new Float32Array(300)],
  ['peaked', Float32Array.from({ length: 300 }, (_, id) => (id === 211 ? 40 : 0))],
  ['falling', Float32Array.from({ length: 300 }, (_, id) => -id / 10)],
  ['rising', Float32Array.from({ length: 300 }, (_, id) => id / 10)],
  ['single', Float32Array.of(-3)],
]

test('top-k keeps the k that rank first', () => {
  for (const [shape, logits] of SHAPES) {
    const candidates = new Candidates(logits.length)
    for (const k of [1, 2, 7, 40, 299, 300, 5000]) {
      keepTopK(logits, k, candidates)
      assert.equal(idsOf(candidates, logits), rising(ranking(logits).slice(0, k)), `${shape}: k = ${k}`)
    }
  }
})

test('peaks change nothing about top-k', () => {
  for (const [shape, logits] of SHAPES) {
    const [all, skipping] = [new Candidates(logits.length), new Candidates(logits.length)]
    for (const span of [1, 7, 64]) {
      const values = Float32Array.from({ length: Math.ceil(logits.length / span) }, (_, i) =>
        Math.max(...logits.subarray(i * span, (i + 1) * span)),
      )
      for (const k of [1, 7, 40, 5000]) {
        keepTopK(logits, k, all)
        keepTopK(logits, k, skipping, { peaks: { span, values } })
        assert.equal(
          skipping.ids.subarray(0, skipping.count),
          all.ids.subarray(0, all.count),
          `${shape}: k = ${k}, span ${span}`,
        )
      }
    }
  }
})

test('top-p keeps the shortest beginning of the ranking that reaches p', () => {
  for (const [shape, logits] of SHAPES) {
    const probabilities = softmax(logits)
    // No sum of the flat shape's equal probabilities is exactly one of these p.
    for (const p of [0, 0.0105, 0.311, 0.5011, 0.9015, 0.9511, 0.9991]) {
      let mass = 0
      const nucleus = ranking(logits).filter((id, rank) => {
        const inside = rank === 0 || mass < p
        mass += probabilities[id]
        return inside
      })
      const candidates = filled(logits)
      keepTopP(candidates, p)
      assert.equal(idsOf(candidates, logits), rising(nucleus), `${shape}: p = ${p}`)
    }
  }
})

test('min-p keeps the tokens at least p times as probable as the first', () => {
  for (const [shape, logits] of SHAPES) {
    const probabilities = softmax(logits)
    const most = Math.max(...probabilities)
    for (const p of [0, 0.0101, 0.0503, 0.4999, 1]) {
      const candidates = filled(logits)
      keepMinP(candidates, p)
      const kept = Array.from(logits.keys()).filter((id) => probabilities[id] >= p * most * (1 - 1e-12))
      assert.equal(idsOf(candidates, logits), kept, `${shape}: p = ${p}`)
    }
  }
})

test('top-p from 1 on keeps every token, even improbable ones', () => {
  const candidates = filled(Float32Array.of(0, 60, -60))
  keepTopP(candidates, 1)
  assert.is(candidates.count, 3)
})

test('top-p after top-k counts only the mass of those k', () => {
  const logits = new Float32Array(100)
  const candidates = new Candidates(100)
  keepTopK(logits, 10, candidates)
  keepTopP(candidates, 0.55)
  assert.equal(idsOf(candidates, logits), [0, 1, 2, 3, 4, 5])
})

test('tokens without a usable logit are never candidates', () => {
  const logits = Float32Array.of(Number.NaN, -1, -Infinity, 2, Number.NaN)
  assert.equal(idsOf(filled(logits), logits), [1, 3])
  const candidates = new Candidates(5)
  keepTopK(logits, 5, candidates)
  assert.equal(idsOf(candidates, logits), [1, 3])
  keepTopK(new Float32Array(5).fill(Number.NaN), 3, candidates)
  assert.is(candidates.count, 0)
})

test('weights are the softmax at the temperature, up to their sum', () => {
  const logits = normalLogits(500, 3, 5)
  for (const temperature of [0.2, 1, 1.7]) {
    const candidates = filled(logits)
    const total = weigh(candidates, temperature)
    softmax(logits, temperature).forEach((probability, id) => {
      const difference = candidates.weights[id] / total - probability
      assert.ok(Math.abs(difference) <= 1e-10 * probability + 1e-27)
    })
  }
})

test.run()
