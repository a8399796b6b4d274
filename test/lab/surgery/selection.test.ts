import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ExpertUsage } from '#molm/insight/usage/usage.js'
import { scoresOf } from '#molm/lab/surgery/saliency.js'
import { keepShares, maskOf, type SelectionOptions, selectExperts } from '#molm/lab/surgery/selection.js'
import type { ModelConfig } from '#molm/model/config/config.js'
import { layerMasks } from '#molm/model/config/expert-mask.js'
import { parseConfig } from '#molm/model/families/index.js'
import { rejectsWithUserError } from '../../support/rejects.js'

const config: ModelConfig = parseConfig(
  { model_type: 'moduleformer', n_layer: 2, n_att_experts: 4, k_att: 1, n_mlp_experts: 4, k_mlp: 1 },
  'config.json',
)

/** A usage with given counts of MLP experts. */
function usageOf(counts: number[][]): ExpertUsage {
  const usage = new ExpertUsage(config)
  for (const [layer, row] of counts.entries()) usage.of('mlp', layer).counts.set(row)
  for (const layer of [0, 1]) usage.of('attention', layer).counts.set([1, 2, 3, 4])
  return usage
}

const options = { keep: 0.5, by: 'frequency', budget: 'layer' } as const

/** Selects experts by the times that they were chosen. */
function select(usage: ExpertUsage, shape: ModelConfig = config, more: Partial<SelectionOptions> = {}) {
  return selectExperts(scoresOf(usage, 'frequency'), shape, { ...options, ...more })
}

test('each layer keeps its best experts, in rising order, and the lower ids of equal ones', () => {
  const usage = usageOf([
    [9, 1, 2, 8],
    [5, 5, 5, 5],
  ])
  assert.equal(select(usage), {
    attention: [
      [2, 3],
      [2, 3],
    ],
    mlp: [
      [0, 3],
      [0, 1],
    ],
  })
})

test('a single kind can be pruned', () => {
  const usage = usageOf([
    [9, 1, 2, 8],
    [5, 6, 7, 8],
  ])
  const selection = select(usage, config, { only: 'mlp' })
  assert.equal(selection.attention, [
    [0, 1, 2, 3],
    [0, 1, 2, 3],
  ])
  assert.equal(selection.mlp, [
    [0, 3],
    [2, 3],
  ])
})

test('a budget of the model favours layers that spread their use, but none falls below k', () => {
  const concentrated = [97, 1, 1, 1]
  const selection = select(usageOf([concentrated, [25, 25, 25, 25]]), config, { budget: 'model' })
  assert.equal(selection.mlp, [[0], [0, 1, 2]])
})

test('fewer experts than a token uses are refused, with the smallest possible share', async () => {
  const usage = usageOf([
    [1, 2, 3, 4],
    [1, 2, 3, 4],
  ])
  const refused = /`keep` leaves 0 of 4 attention experts in a layer, but a token uses 1; keep at least 0.25/
  for (const budget of ['layer', 'model'] as const) {
    await rejectsWithUserError(() => select(usage, config, { keep: 0.1, budget }), refused)
  }
})

const sparse = {
  ...config,
  layers: 3,
  mixtures: [{ kind: 'mlp', experts: [0, 4, 8], topK: 2 }],
} satisfies ModelConfig

test('layers without experts keep none, and count for neither a share nor a budget', async () => {
  const usage = new ExpertUsage(sparse)
  usage.of('mlp', 1).counts.set([9, 1, 2, 8])
  usage.of('mlp', 2).counts.set([1, 1, 1, 1, 9, 9, 1, 1])
  assert.equal(select(usage, sparse), { mlp: [[], [0, 3], [0, 1, 4, 5]] })
  assert.equal(select(usage, sparse, { keep: 1 / 3, budget: 'model' }), {
    mlp: [[], [0, 3], [4, 5]],
  })
  assert.equal(keepShares(sparse), [1, 0.875, 0.75, 0.625, 0.5])
  assert.equal(maskOf({ mlp: [[], [0, 3], [4, 5]] }, sparse, 'kept'), {
    mlp: [[], [1, 2], [0, 1, 2, 3, 6, 7]],
    gates: 'kept',
  })
})

test('a kind that the model lacks is refused by name', async () => {
  const usage = new ExpertUsage(sparse)
  const refused = /the model has no attention experts/
  await rejectsWithUserError(() => select(usage, sparse, { only: 'attention' }), refused)
  await rejectsWithUserError(() => keepShares(sparse, 'attention'), refused)
  await rejectsWithUserError(() => layerMasks([{ attention: [[0]], gates: 'all' }], sparse), refused)
})

test('a mask of one kind leaves the other kind and layers without experts free', () => {
  const { mlp } = layerMasks([{ mlp: [[], [1]], gates: 'all' }], sparse)
  assert.equal(
    mlp?.map((mask) => mask?.out && [...mask.out]),
    [undefined, [0, 1, 0, 0], undefined],
  )
  const { attention } = layerMasks([{ mlp: [[1]], gates: 'all' }], config)
  assert.equal(attention, [undefined, undefined])
})

test('scores of an ablation are compared between layers as they are, and may be below 0', () => {
  const worth = { mlp: [Float64Array.of(9, 1, 2, 8), Float64Array.of(0.4, -1, 0.3, 0.2)] }
  const mixtures = config.mixtures.filter(({ kind }) => kind === 'mlp')
  const selection = selectExperts(worth, { ...config, mixtures }, { ...options, by: 'ablation', budget: 'model' })
  assert.equal(selection, { mlp: [[0, 2, 3], [0]] })
})

test('an expert that every token uses cannot be masked', async () => {
  const always = [[], [3], [0, 7]].map((ids) => ({ ids, isApart: true }))
  const mixtures = sparse.mixtures.map((mixture) => ({ ...mixture, routing: { always } }))
  const mask = (mlp: number[][]) => layerMasks([{ mlp, gates: 'kept' }], { ...sparse, mixtures })
  assert.equal(mask([[], [0, 1]]).mlp?.[1]?.out, Uint8Array.of(1, 1, 0, 0))
  await rejectsWithUserError(() => mask([[], [1, 3]]), /mlp expert 3 of layer 1 cannot be masked: every token uses it/)
})

test('experts that every token uses are kept, whatever their score, and count for the share but not for the budget', () => {
  const always = [[], [0], [2, 7]].map((ids) => ({ ids, isApart: true }))
  const mixtures = sparse.mixtures.map((mixture) => ({ ...mixture, topK: 3, routing: { always } }))
  const model = { ...sparse, mixtures }
  const usage = new ExpertUsage(model)
  usage.of('mlp', 1).counts.set([999, 1, 9, 8])
  usage.of('mlp', 2).counts.set([1, 1, 0, 1, 9, 8, 1, 0])
  assert.equal(select(usage, model, { keep: 0.75 }), {
    mlp: [[], [0, 2, 3], [0, 1, 2, 4, 5, 7]],
  })
  assert.equal(select(usage, model, { keep: 7 / 12, budget: 'model' }), {
    mlp: [[], [0, 2, 3], [2, 4, 5, 7]],
  })
})

test('experts that are chosen by groups cannot be taken away', async () => {
  const groups = { count: 2, kept: 1, by: 'largest' } as const
  const mixtures = sparse.mixtures.map((mixture) => ({ ...mixture, routing: { groups } }))
  const usage = new ExpertUsage(sparse)
  const refused = /routers choose experts by groups, so their number cannot change/
  await rejectsWithUserError(() => select(usage, { ...sparse, mixtures }), refused)
})

test('a mask names the experts that are not selected', () => {
  const selection = { attention: [[0, 1, 2, 3], [1]], mlp: [[0, 3], [2]] }
  assert.equal(maskOf(selection, config, 'all'), {
    attention: [[], [0, 2, 3]],
    mlp: [
      [1, 2],
      [0, 1, 3],
    ],
    gates: 'all',
  })
})

test('the shares of a curve fall from 1 to the smallest possible', () => {
  assert.equal(keepShares(config), [1, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25])
})

test('the shares of a curve are found for the maximum number of layers', () => {
  const experts = new Array<number>(4096).fill(4).with(4000, 2)
  const mixtures = config.mixtures.map((mixture) => ({ ...mixture, experts }))
  assert.is(keepShares({ ...config, layers: 4096, mixtures }).at(-1), 0.5)
})

test.run()
