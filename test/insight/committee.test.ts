import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { committeesOf } from '#molm/insight/atlas/committee.js'
import { ExpertUsage } from '#molm/insight/usage/usage.js'
import { mixture } from '../support/routed-text.js'

const usageOf = (
  counts: number[][],
  mixtures = [
    mixture(
      'mlp',
      counts.map(({ length }) => length),
      1,
    ),
  ],
) => {
  const usage = ExpertUsage.counted({ mixtures }, { mlp: counts }, 100)
  return { name: 'text', usage, model: { config: { mixtures } } }
}

test('the committee of a layer is in the busiest half of every text, whatever the length of the texts', () => {
  const [committee, ...more] = committeesOf([usageOf([[50, 30, 10, 10]]), usageOf([[4, 1, 3, 0]])])
  assert.equal(more, [])
  assert.equal(committee.members, [{ expert: 0, share: 0.5 }])
  assert.is(committee.share, 0.5)
  assert.equal(committee.always, [])
  const shares = [0.5, 0.2125, 0.2375, 0.05]
  const fairness = 1 / (4 * shares.reduce((sum, share) => sum + share ** 2, 0))
  assert.ok(Math.abs(committee.fairness - fairness) < 1e-12)
  const pairs = shares.flatMap((a) => shares.map((b) => Math.abs(a - b)))
  assert.ok(Math.abs(committee.gini - pairs.reduce((sum, d) => sum + d, 0) / (2 * 16 * 0.25)) < 1e-12)
})

test('texts with other favourites have an empty committee', () => {
  const [committee] = committeesOf([usageOf([[9, 1, 0]]), usageOf([[0, 1, 9]])])
  assert.equal(committee.members, [])
  assert.is(committee.share, 0)
})

test('experts of every token are named apart and do not count; layers without experts have no committee', () => {
  const always = [
    { ids: [], isApart: false },
    { ids: [1], isApart: true },
  ]
  const mixtures = [{ ...mixture('mlp', [0, 3], 2), routing: { always } }]
  const [committee, ...more] = committeesOf([usageOf([[], [75, 100, 25]], mixtures)])
  assert.equal(more, [])
  assert.is(committee.layer, 1)
  assert.equal(committee.always, [1])
  assert.equal(committee.members, [{ expert: 0, share: 0.75 }])
  assert.is(committee.gini, 0.25)
})

test.run()
