import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { awakeIn, awakeSentence } from '#molm/insight/usage/awake.js'
import { ExpertUsage } from '#molm/insight/usage/usage.js'

function usageOf(...counts: number[][]): ExpertUsage {
  const usage = new ExpertUsage({ mixtures: [{ kind: 'mlp', experts: counts.map(({ length }) => length) }] })
  for (const [layer, row] of counts.entries()) usage.of('mlp', layer).counts.set(row)
  return usage
}

test('the committee is the fewest experts that did half of the work, in all layers together', () => {
  assert.equal(awakeIn(usageOf([6, 1, 1, 0], [4, 2, 2, 0])), { experts: 8, woke: 6, slept: 2, committee: 2 })
  assert.equal(awakeIn(usageOf([5, 5, 5, 5])), { experts: 4, woke: 4, slept: 0, committee: 2 })
  assert.equal(awakeIn(usageOf([9, 0, 0])), { experts: 3, woke: 1, slept: 2, committee: 1 })
})

test('the sentence says how many woke and how few did half of the work', () => {
  const many = Array.from({ length: 1200 }, (_, expert) => (expert < 10 ? 500 : expert < 1100 ? 1 : 0))
  assert.is(awakeSentence(usageOf(many)), '1,100 of 1,200 experts woke; 7 of them did half of the work')
  assert.is(awakeSentence(usageOf([0, 0])), 'none of 2 experts woke')
})

test.run()
