import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { MixtureKind } from '#molm/index.js'
import { withPackedModel } from '#molm/lab/surgery/packed-model.js'
import { maskOf, type Selection } from '#molm/lab/surgery/selection.js'
import { writePruned } from '#molm/lab/surgery/write-pruned.js'
import type { GateSoftmax } from '#molm/model/config/expert-mask.js'
import { forwardHere } from '../../support/forward-here.js'
import { routesOf } from '../../support/routes.js'
import { writeCheckpoint } from '../../support/synthetic-checkpoint.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

export const TOKENS = [5, 9, 2, 31, 44, 7, 7, 60]

/** Experts per layer of a checkpoint whose experts `SELECTION` names. */
export const NINE_AND_ELEVEN = { n_att_experts: 9, n_mlp_experts: 11 }

/** Selection that keeps a different number of experts in each layer. */
export const SELECTION = {
  attention: [
    [1, 3, 8],
    [0, 1, 2, 3, 4, 5, 6, 7, 8],
  ],
  mlp: [
    [0, 2, 4, 6, 8, 10],
    [3, 5, 9],
  ],
} satisfies Selection

export async function prune(model: string, out: string, selection: Selection, gates: GateSoftmax): Promise<void> {
  await withPackedModel(model, out, {}, (packed) => writePruned(packed, out, { selection, gates, account: {} }))
}

/** Checks that a pruned model chooses the same experts as the whole one with the others masked, and gives its logits. */
export function assertPrunedAsMasked(model: string, selection: Selection, gates: GateSoftmax): Promise<void> {
  return inTemporaryFolder(async (dir) => {
    const out = join(dir, 'pruned')
    await prune(model, out, selection, gates)
    const masked = await forwardHere(model, TOKENS, { masked: (config) => maskOf(selection, config, gates) })
    const pruned = await forwardHere(out, TOKENS)
    assert.ok(pruned.logits.every((value, i) => Math.abs(value - masked.logits[i]) < 1e-4))
    for (const [layer, experts] of pruned.routes.entries()) {
      const kinds = Object.keys(masked.routes[layer]) as MixtureKind[]
      assert.equal(Object.keys(experts), kinds)
      for (const kind of kinds) {
        const kept = selection[kind]?.[layer] ?? []
        const ids = routesOf(experts, kind).ids.map((id) => kept[id])
        assert.equal(ids, routesOf(masked.routes[layer], kind).ids)
      }
    }
  })
}

/** The same for a new checkpoint with a kind of router. */
export function assertRouterPruned(gate_type: string, gates: GateSoftmax): Promise<void> {
  return inTemporaryFolder(async (dir) => {
    await writeCheckpoint(dir, { gate_type, ...NINE_AND_ELEVEN })
    await assertPrunedAsMasked(dir, SELECTION, gates)
  })
}
