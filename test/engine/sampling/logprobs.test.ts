import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { logprobOf, logSumExp, topLogprobs } from '#molm/engine/sampling/logprobs.js'
import { expBelow } from '#molm/ground/elementary.js'
import { each } from '../../support/each.js'
import { normalLogits, ranking, softmax } from './logits.js'

test('exp below the largest agrees with Math.exp to eleven digits', () => {
  for (let depth = 0; depth < 63.99; depth += 0.00137) {
    assert.ok(Math.abs(expBelow(depth) / Math.exp(-depth) - 1) < 1e-11, `at ${depth}`)
  }
  assert.is(expBelow(0), 1)
  assert.is(expBelow(1e30), 0)
  assert.is(expBelow(Infinity), 0)
  assert.is(expBelow(Number.NaN), 0)
})

test('logprobs are the logarithm of the softmax', () => {
  const logits = normalLogits(5000, 3, 11)
  softmax(logits).forEach((probability, id) => {
    assert.ok(Math.abs(logprobOf(logits, id) - Math.log(probability)) < 1e-9)
  })
})

test('logprobs stay finite for logits far from zero', () => {
  assert.ok(Math.abs(logprobOf(Float32Array.of(-1e5, -1e5), 1) + Math.LN2) < 1e-9)
  assert.ok(Math.abs(logprobOf(Float32Array.of(1e5, 1e5, -3e38), 0) + Math.LN2) < 1e-9)
  assert.is(logprobOf(Float32Array.of(1000, 0), 1), -1000)
})

test('the sum of exponentials skips NaN and minus infinity', () => {
  assert.ok(Math.abs(logSumExp(Float32Array.of(Number.NaN, 1, -Infinity, 1)) - 1 - Math.LN2) < 1e-12)
  assert.is(logSumExp(Float32Array.of(Number.NaN, -Infinity)), -Infinity)
  assert.is(logSumExp(Float32Array.of(0, Infinity, 0)), Infinity)
})

test('top logprobs are in falling order, lower ids first among equals', () => {
  const logits = normalLogits(800, 1, 12, 0.25)
  for (const n of [0, 1, 5, 50, 800, 900]) {
    const top = topLogprobs(logits, n)
    assert.equal(each(top, 'token'), ranking(logits).slice(0, n))
    for (const { token, logprob } of top) assert.is(logprob, logprobOf(logits, token))
  }
})

test('top logprobs are in order even if logits are infinite or NaN', () => {
  const logits = Float32Array.of(1, Infinity, Number.NaN, 2, Infinity, -Infinity, 0, Infinity)
  const ranked = [1, 4, 7, 3, 0, 6]
  for (const n of [1, 2, 3, 4, 5, 6, 8]) {
    assert.equal(each(topLogprobs(logits, n), 'token'), ranked.slice(0, n))
  }
  const top = topLogprobs(logits, 8).map(({ logprob }) => logprob)
  assert.equal(top, [Number.NaN, Number.NaN, Number.NaN, -Infinity, -Infinity, -Infinity])
  assert.equal(topLogprobs(Float32Array.of(Number.NaN, Number.NaN), 2), [])
})

test.run()
