import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { divergence, indexOfLargest } from '#molm/lab/evaluation/probabilities.js'
import { assertClose } from './close.js'

const LN = Math.log

test('divergence is zero for equal distributions, and weighted by the reference', () => {
  const half = Float32Array.of(0, 0)
  const skewed = Float32Array.of(LN(3), 0)
  assertClose(divergence(skewed, Float32Array.of(LN(3) + 7, 7)), 0, 1e-6)
  assertClose(divergence(half, skewed), 0.5 * LN(0.5 / 0.75) + 0.5 * LN(0.5 / 0.25), 1e-6)
  assertClose(divergence(skewed, half), 0.75 * LN(0.75 / 0.5) + 0.25 * LN(0.25 / 0.5), 1e-6)
})

test('the first of equal largest entries counts', () => {
  assert.is(indexOfLargest([1, 3, 3, 2]), 1)
})

test.run()
