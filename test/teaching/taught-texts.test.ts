import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { warnings } from '#molm/cli/commands/teach-report.js'
import type { Taught } from '#molm/index.js'
import type { Course } from '#molm/teaching/course.js'
import type { Lesson } from '#molm/teaching/lessons.js'
import { type TaughtText, worsened } from '#molm/teaching/taught-texts.js'

const text = (name: string, rise: number, scored = 5000): TaughtText => {
  const loss = { before: 3, after: 3 + rise }
  return { name, scored, loss, perplexity: loss, newcomerShare: 0 }
}
const lesson = (name: string, more: Partial<Lesson> = {}): Lesson => ({ name, train: [], heldOut: [], ...more })

const KEEP = [lesson('own writing'), lesson('own continuations', { prompt: 8, allowance: 4 }), lesson('old.txt')]
const COURSE = { keep: KEEP, settings: { forget: 0.01 } } as unknown as Course
const kept = (rise: number) => KEEP.map(({ name }) => text(name, rise))

test('a taught text that is predicted any worse is named, a kept one that is beyond its bound and chance', () => {
  const names = (learnt: TaughtText[], keep: TaughtText[]) => worsened(COURSE, learnt, keep).map(({ name }) => name)
  assert.equal(names([text('a', -1), text('b', -0.01)], kept(0.009)), [])
  assert.equal(names([text('a', -1), text('b', 0.008)], kept(-0.01)), ['b'])
  // Of 5000 tokens 0.004 nats may be chance, of 1,000,000 they may not.
  assert.equal(names([], kept(0.012)), [])
  assert.equal(names([], kept(0.02)), ['own writing', 'old.txt'])
  assert.equal(names([], [text('own writing', 0.012, 1e6)]), ['own writing'])
})

test('the warnings name these, and what calibration could not keep', () => {
  const point = {
    bias: -4,
    heldOut: 3,
    newcomerShare: 0,
    kept: [{ name: 'old.txt', rise: Math.log(1.05), bound: Math.log(1.01) }],
  }
  const taught = (isWithin: boolean, worse: Taught['worse']) =>
    warnings({ calibration: { bias: -4, isWithin, heldOutBefore: 3, curve: [point] }, worse } as unknown as Taught)
  assert.equal(taught(true, []), [])
  assert.equal(taught(true, [{ name: 'new.txt', rise: Math.log(1.02), bound: 0 }]), [
    'predicted worse than before: new.txt +2.0 %; more text, more --steps or a higher --forget teach more',
  ])
  const forgotten = [
    'more is forgotten than --forget accepts: old.txt +5.0 %, not +1.0 %; a higher --keep, fewer --layers or a lower --lr forget less',
  ]
  const beyond = [{ name: 'old.txt', rise: Math.log(1.05), bound: Math.log(1.01) }]
  assert.equal(taught(true, beyond), forgotten)
  assert.equal(taught(false, beyond), forgotten, 'told once')
})

test.run()
