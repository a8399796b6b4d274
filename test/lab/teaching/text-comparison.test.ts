import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { warnings } from '#molm/lab/commands/reports/teach-report.js'
import type { TeachResult } from '#molm/lab/index.js'
import type { Dataset } from '#molm/lab/teaching/datasets.js'
import { findRegressions, type TextComparison } from '#molm/lab/teaching/text-comparison.js'

const text = (name: string, rise: number, scored = 5000): TextComparison => {
  const loss = { before: 3, after: 3 + rise }
  return { name, scored, loss, perplexity: loss, newExpertShare: 0 }
}
const dataset = (name: string, more: Partial<Dataset> = {}): Dataset => ({ name, train: [], heldOut: [], ...more })

const RETAINED = [dataset('own writing'), dataset('own continuations', { prompt: 8, allowance: 4 }), dataset('old.txt')]
const SETUP = { retained: RETAINED }
const retained = (rise: number) => RETAINED.map(({ name }) => text(name, rise))

test('regressions are new texts that got any worse, and retained ones beyond their bound and sampling error', () => {
  const names = (texts: TextComparison[], retained: TextComparison[]) =>
    findRegressions(SETUP, 0.01, texts, retained).map(({ name }) => name)
  assert.equal(names([text('a', -1), text('b', -0.01)], retained(0.009)), [])
  assert.equal(names([text('a', -1), text('b', 0.008)], retained(-0.01)), ['b'])
  // 0.004 nats are within the sampling error of 5000 tokens, not of 1,000,000.
  assert.equal(names([], retained(0.012)), [])
  assert.equal(names([], retained(0.02)), ['own writing', 'old.txt'])
  assert.equal(names([], [text('own writing', 0.012, 1e6)]), ['own writing'])
})

test('warnings name regressions, and texts that calibration could not retain', () => {
  const point = {
    bias: -4,
    heldOutLoss: 3,
    newExpertShare: 0,
    retained: [{ name: 'old.txt', rise: Math.log(1.05), allowance: 1 }],
  }
  const taught = (isWithinLimit: boolean, regressions: TeachResult['regressions']) =>
    warnings({
      calibration: { bias: -4, forget: 0.01, isWithinLimit, heldOutLossBefore: 3, curve: [point] },
      regressions,
    } as unknown as TeachResult)
  assert.equal(taught(true, []), [])
  assert.equal(taught(true, [{ name: 'new.txt', rise: Math.log(1.02), bound: 0 }]), [
    'predicted worse than before: new.txt +2.0 %; more text, more --steps or a higher --forget teach more',
  ])
  const forgotten = [
    'forgets more than --forget accepts: old.txt +5.0 %, not +1.0 %; a higher --keep, fewer --layers or a lower --lr forget less',
  ]
  const beyond = [{ name: 'old.txt', rise: Math.log(1.05), bound: Math.log(1.01) }]
  assert.equal(taught(true, beyond), forgotten)
  assert.equal(taught(false, beyond), forgotten, 'reported once')
})

test.run()
