import { setTimeout as sleep } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { inOrder, sequencesAtOnce } from '#molm/evaluation/sessions.js'
import { thrownBy } from '../support/rejects.js'

const test = suite('several pieces of work at once')

test('results come in order, with no more under way than wanted', async () => {
  let underWay = 0
  let most = 0
  const run = async (milliseconds: number) => {
    most = Math.max(most, ++underWay)
    await sleep(milliseconds)
    underWay--
    return milliseconds
  }
  const results: number[] = []
  for await (const result of inOrder([8, 1, 4, 0, 2], 3, run)) results.push(result)
  assert.equal(results, [8, 1, 4, 0, 2])
  assert.is(most, 3)
})

test('an error comes in its place, once nothing is under way any more', async () => {
  let ended = 0
  const run = async (n: number) => {
    await sleep(n)
    ended++
    if (n === 1) throw new Error('one')
    return n
  }
  const seen: number[] = []
  const error = await thrownBy(
    (async () => {
      for await (const n of inOrder([3, 1, 9, 2], 3, run)) seen.push(n)
    })(),
  )
  assert.is((error as Error).message, 'one')
  assert.equal(seen, [3])
  assert.is(ended, 4)
})

test('long sequences are fewer, but never fewer than two', () => {
  assert.is(sequencesAtOnce(64, 32), 32)
  assert.is(sequencesAtOnce(512, 32), 8)
  assert.is(sequencesAtOnce(100_000, 32), 2)
})

test.run()
