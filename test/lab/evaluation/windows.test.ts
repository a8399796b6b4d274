import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { sequencesAtOnce } from '#molm/insight/texts/reading.js'
import { windowsOf } from '#molm/lab/evaluation/score-windows.js'
import { rejectsWithUserError } from '../../support/rejects.js'

test('adjacent windows score all but their own first tokens', () => {
  assert.equal(
    [...windowsOf(10, { window: 4, stride: 4 })],
    [
      { start: 0, end: 4, firstScored: 1 },
      { start: 4, end: 8, firstScored: 5 },
      { start: 8, end: 10, firstScored: 9 },
    ],
  )
})

test('overlapping windows score the tokens that no earlier one has reached, and end with the text', () => {
  assert.equal(
    [...windowsOf(9, { window: 4, stride: 2 })],
    [
      { start: 0, end: 4, firstScored: 1 },
      { start: 2, end: 6, firstScored: 4 },
      { start: 4, end: 8, firstScored: 6 },
      { start: 6, end: 9, firstScored: 8 },
    ],
  )
})

test('a text shorter than the window is one window', () => {
  assert.equal([...windowsOf(3, { window: 100, stride: 100 })], [{ start: 0, end: 3, firstScored: 1 }])
})

test('windows that would skip tokens are refused', async () => {
  await rejectsWithUserError(
    () => [...windowsOf(9, { window: 4, stride: 5 })],
    /`stride` must be .* 1 to the window's 4/,
  )
  await rejectsWithUserError(() => [...windowsOf(9, { window: 4, stride: 0 })], /`stride`/)
  await rejectsWithUserError(() => [...windowsOf(9, { window: 1, stride: 1 })], /`window` must be .* from 2/)
})

test('fewer long sequences run at once, but at least two', () => {
  assert.is(sequencesAtOnce(64, 32), 32)
  assert.is(sequencesAtOnce(512, 32), 8)
  assert.is(sequencesAtOnce(100_000, 32), 2)
})

test.run()
