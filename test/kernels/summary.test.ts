import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { logSumExp } from '#molm/engine/sampling/logprobs.js'
import { argmax } from '#molm/engine/sampling/sample.js'
import { type LogitPeaks, type LogitSummary, Summary } from '#molm/kernels/calls/summary.js'
import { bankOf, placeRows, TIERS } from '../support/kernel-bench.js'
import { normalFloats } from '../support/random.js'

const test = suite('summary of logits')

function summaries(logits: Float32Array): { of?: LogitSummary; peaks: LogitPeaks }[] {
  return TIERS.map((tier) => {
    const bank = bankOf(tier)
    // The kernel must ignore the previous row.
    const rows = Float32Array.from({ length: 2 * logits.length }, (_, i) => logits[i - logits.length] ?? 1e9)
    const summary = new Summary(bank, placeRows(bank, rows, logits.length))
    summary.run(2)
    return { of: summary.of(1), peaks: summary.peaksOf(1) }
  })
}

function check(logits: Float32Array): void {
  const [first, ...others] = summaries(logits)
  for (const other of others) assert.equal(other, first)
  assert.is(first.of?.argmax, argmax(logits))
  const { span, values } = first.peaks
  const numbers = (i: number) => logits.slice(i * span, (i + 1) * span).filter((logit) => !Number.isNaN(logit))
  const peaks = Array.from(values, (_, i) => Math.max(...numbers(i)))
  assert.equal(Array.from(values), peaks)
  assert.is(values.length, Math.ceil(logits.length / span))
  assert.ok(Math.abs((first.of?.logSumExp ?? 0) - logSumExp(logits)) < 1e-6)
}

test('vocabularies of any size', () => {
  for (const size of [1, 3, 17, 255, 256, 257, 4096, 4099, 50295]) check(normalFloats(size, size, 3))
})

test('scores far apart', () => check(normalFloats(9000, 5, 60)))

test('of equal scores the lowest id is reported, within a part and across parts', () => {
  const logits = new Float32Array(9000)
  for (const at of [8000, 4444, 4445]) logits[at] = 2
  check(logits)
  check(new Float32Array(9000).fill(-7))
})

test('NaN and minus infinity are ignored', () => {
  const logits = normalFloats(5000, 6)
  logits[0] = Number.NaN
  logits[100] = Number.NEGATIVE_INFINITY
  logits[4999] = Number.NaN
  check(logits)
})

test('there is no summary if no logit is finite or one is plus infinity', () => {
  for (const value of [Number.NaN, Number.NEGATIVE_INFINITY]) {
    for (const { of } of summaries(new Float32Array(300).fill(value))) assert.is(of, undefined)
  }
  for (const { of } of summaries(Float32Array.of(1, Number.POSITIVE_INFINITY, 2))) assert.is(of, undefined)
})

test.run()
