import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { MemoryGrowth } from '../stress/memory-growth.js'

/** A run of 1,000 steps; `bytesAt` is what the process takes at one. */
function runOf(bytesAt: (step: number) => number): MemoryGrowth {
  const growth = new MemoryGrowth('a run', 1000)
  for (let step = 1; step <= 1000; step++) if (growth.wants(step)) growth.add(step, bytesAt(step))
  return growth
}

/** Rises and falls like a heap between two collections. */
const saw = (step: number) => 40e6 * ((step / 70) % 1)

test('memory that fills at first and then goes up and down has not grown', () => {
  const { isTooMuch, summary } = runOf((step) => 100e6 + Math.min(step, 200) * 1e6 + saw(step))
  assert.is(isTooMuch, false, summary)
  assert.match(summary, /^a run: from 3\d\d\.\d MB to 3\d\d\.\d MB after the warm-up, \d\.\d\d times/)
})

test('a leak shows through the ups and downs', () => {
  const { isTooMuch, summary } = runOf((step) => 200e6 + step * 100e3 + saw(step))
  assert.is(isTooMuch, true, summary)
  assert.match(summary, /more than 1\.3 times/)
})

test('a single large sample does not fail a run', () => {
  assert.is(runOf((step) => (step === 975 ? 500e6 : 200e6)).isTooMuch, false)
})

test('a run without samples does not pass', () => {
  assert.is(new MemoryGrowth('a run', 1000).isTooMuch, true)
})

test.run()
