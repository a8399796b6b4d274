import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { inOneTurn, inTurns } from '#molm/ground/in-turns.js'
import { LoopCounter } from '../support/event-loop.js'
import { thrownBy } from '../support/rejects.js'

const test = suite('work in turns')

/** Work of a number of turns: each step takes as long as a turn may. */
function* steps(name: string, count: number, log: string[]): Generator<void, string> {
  for (let i = 0; i < count; i++) {
    for (const end = performance.now() + 9; performance.now() < end; );
    log.push(name)
    yield
  }
  return name
}

test('a small task passes large ones, and the oldest still gets every fourth turn', async () => {
  const log: string[] = []
  const large = [0, 1].map((i) => inTurns(steps(`large ${i}`, 8, log), 1000))
  const small = inTurns(steps('small', 3, log), 10)
  assert.is(await small, 'small')
  assert.ok(log.lastIndexOf('small') <= 5, log.join())
  assert.equal(await Promise.all(large), ['large 0', 'large 1'])
  // Of equal size the older one comes first.
  assert.ok(log.lastIndexOf('large 0') < log.lastIndexOf('large 1'), log.join())
})

test('the event loop has its turn between the turns of any two tasks', async () => {
  const log: string[] = []
  const loop = new LoopCounter()
  await Promise.all([1, 2, 3, 4].map((i) => inOneTurn(() => log.push(String(i)), i)))
  loop.stop()
  assert.ok(loop.turns >= 3, `${loop.turns} turns`)
  assert.is(log.length, 4)
})

test('an aborted task ends at once, also while others have their turns', async () => {
  const log: string[] = []
  const controller = new AbortController()
  const first = inTurns(steps('first', 3, log), 1)
  const aborted = inTurns(steps('aborted', 3, log), 5, controller.signal)
  controller.abort(new Error('no longer wanted'))
  assert.is(((await thrownBy(aborted)) as Error).message, 'no longer wanted')
  assert.is(await first, 'first')
  assert.not.ok(log.includes('aborted'))
})

test.run()
