import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type ExpertMask, graftModel, type MixtureKind } from '#molm/index.js'
import { MIXTURE_KINDS } from '#molm/model/config.js'
import { forwardHere } from '../support/forward-here.js'
import { routesOf } from '../support/routes.js'
import { writeCheckpoint } from '../support/synthetic-checkpoint.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'

const TOKENS = [5, 9, 2, 31, 44, 7, 7, 60, 12, 13]

/** Two checkpoints of the same shape with different weights, and a folder for the graft. */
async function twoModels(dir: string, keys: Record<string, unknown> = {}, others = keys) {
  const [own, giver, out] = ['own', 'giver', 'out'].map((name) => join(dir, name))
  await Promise.all([own, giver].map((path) => mkdir(path)))
  await writeCheckpoint(own, keys, 1)
  await writeCheckpoint(giver, others, 2)
  return { own, giver, out }
}

const run = (name: string, mask?: ExpertMask) => forwardHere(name, TOKENS, mask && { masked: () => mask })

/** Layers that chose a new expert. */
function layersWithNewExperts({ routes }: Awaited<ReturnType<typeof run>>, kind: MixtureKind, own: number) {
  return [...routes.keys()].filter((layer) => routes[layer][kind]?.ids.some((id) => id >= own))
}

for (const gate_type of ['linear', 'gmm']) {
  test(`with ${gate_type} routers new experts are chosen, and masking them restores the model bit for bit`, () =>
    inTemporaryFolder(async (dir) => {
      const { own, giver, out } = await twoModels(dir, { gate_type })
      const { newExperts } = await graftModel(own, out, { from: giver, threads: 1 })
      assert.equal(newExperts.attention, [
        [0, 1, 2, 3, 4],
        [0, 1, 2, 3, 4],
      ])
      const grafted = await run(out)
      assert.equal(layersWithNewExperts(grafted, 'attention', 5), [0, 1])
      assert.equal(layersWithNewExperts(grafted, 'mlp', 7), [0, 1])

      const attention = newExperts.attention?.map((ids) => ids.map((id) => id + 5))
      const mlp = newExperts.mlp?.map((ids) => ids.map((id) => id + 7))
      const masked = await run(out, { attention, mlp, gates: 'kept' })
      const original = await run(own)
      assert.equal(masked.logits, original.logits)
      assert.equal(masked.routes, original.routes)
    }))

  test(`with ${gate_type} routers a very low gate bias silences new experts, and a high one always wakes them`, () =>
    inTemporaryFolder(async (dir) => {
      const { own, giver, out } = await twoModels(dir, { gate_type })
      const original = await run(own)
      await graftModel(own, out, { from: giver, gateBias: -1e9, threads: 1 })
      const silenced = await run(out)
      assert.equal(silenced.logits, original.logits)
      assert.equal(silenced.routes, original.routes)
      await graftModel(own, out, { from: giver, gateBias: 1e4, threads: 1 })
      const { routes } = await run(out)
      assert.ok(
        routes.every((layer) =>
          [5, 7].every((own, i) => routesOf(layer, MIXTURE_KINDS[i]).ids.every((id) => id >= own)),
        ),
      )
    }))
}

test.run()
