import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { GuideTurns } from '#molm/text/grammar/guide-turns.js'

const test = suite('turns of guides')

test('the guide that has computed least for its tokens comes first, and of equals the newest', async () => {
  const turns = new GuideTurns()
  const order: string[] = []
  const guide = async (name: string, debts: number[]) => {
    for (const debt of debts) {
      await turns.turn({ debt })
      order.push(name)
    }
  }
  await Promise.all([guide('slow', [0, 50, 100]), guide('slower', [0, 60, 120]), guide('quick', [0, -5, -10, -15])])
  assert.equal(order.slice(0, 4), ['quick', 'quick', 'quick', 'quick'])
  assert.equal(order.slice(4), ['slower', 'slow', 'slow', 'slower', 'slow', 'slower'])
})

test.run()
