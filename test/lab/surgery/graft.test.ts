import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { convertModel, type ExpertMask, type MixtureKind } from '#molm/index.js'
import { graftModel } from '#molm/lab/index.js'
import { MIXTURE_KINDS } from '#molm/model/config/config.js'
import { openPackedFile } from '#molm/model/packing/format/packed-file.js'
import { fixturePath } from '../../support/fixtures.js'
import { forwardHere } from '../../support/forward-here.js'
import { rejectsWithUserError } from '../../support/rejects.js'
import { routesOf } from '../../support/routes.js'
import { writeCheckpoint } from '../../support/synthetic-checkpoint.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

const TOKENS = [5, 9, 2, 31, 44, 7, 7, 60, 12, 13]
const FILE = 'model-q4.molm.safetensors'

/** Two checkpoints of the same shape with different weights, and a folder for the graft. */
async function twoModels(dir: string, keys: Record<string, unknown> = {}, others = keys) {
  const [own, giver, out] = ['own', 'giver', 'out'].map((name) => join(dir, name))
  await Promise.all([own, giver].map((path) => mkdir(path)))
  await writeCheckpoint(own, keys, 1)
  await writeCheckpoint(giver, others, 2)
  return { own, giver, out }
}

const run = (name: string, mask?: ExpertMask) => forwardHere(name, TOKENS, mask && { masked: () => mask })

function assertSame({ logits, routes }: Awaited<ReturnType<typeof run>>, other: Awaited<ReturnType<typeof run>>): void {
  assert.equal(logits, other.logits)
  assert.equal(routes, other.routes)
}

/** Layers that chose a new expert. */
function layersWithNewExperts({ routes }: Awaited<ReturnType<typeof run>>, kind: MixtureKind, own: number) {
  return [...routes.keys()].filter((layer) => routes[layer][kind]?.ids.some((id) => id >= own))
}

for (const gate_type of ['mlp', 'linear', 'gmm']) {
  test(`${gate_type} routers choose new experts, and masking or silencing them restores the model bit for bit`, () =>
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
      const original = await run(own)
      assertSame(await run(out, { attention, mlp, gates: 'kept' }), original)

      await graftModel(own, out, { from: giver, gateBias: -1e9, threads: 1 })
      assertSame(await run(out), original)
      await graftModel(own, out, { from: giver, gateBias: 1e4, threads: 1 })
      for (const layer of (await run(out)).routes) {
        for (const [i, own] of [5, 7].entries()) {
          assert.ok(routesOf(layer, MIXTURE_KINDS[i]).ids.every((id) => id >= own))
        }
      }
    }))
}

test('only the chosen experts, layers and kind are added; all bytes come from the two models', () =>
  inTemporaryFolder(async (dir) => {
    const { own, giver, out } = await twoModels(dir)
    const [packedOwn, packedGiver] = [join(dir, 'packed-own'), join(dir, 'packed-giver')]
    await convertModel(own, packedOwn, { threads: 1 })
    await convertModel(giver, packedGiver, { threads: 1 })
    const options = { from: packedGiver, layers: [1], experts: [6, 0], only: 'mlp' as const }
    const { newExperts } = await graftModel(packedOwn, out, options)
    assert.equal(newExperts, { attention: [[], []], mlp: [[], [6, 0]] })
    const [before, given, after] = await Promise.all(
      [packedOwn, packedGiver, out].map((folder) => openPackedFile(join(folder, FILE))),
    )
    for (const [name, { sha256 }] of after.parts) {
      if (name === 'layers.1.dense') continue
      const added = { 'layers.1.mlp.7': 'layers.1.mlp.6', 'layers.1.mlp.8': 'layers.1.mlp.0' }[name]
      const source = added ? given.parts.get(added) : before.parts.get(name)
      assert.is(sha256, source?.sha256, name)
    }
    assert.is(after.parts.size, before.parts.size + 2)
    assert.equal((await readdir(dir)).sort(), ['giver', 'out', 'own', 'packed-giver', 'packed-own'])
  }))

test('new experts bring their biases of the choice', () =>
  inTemporaryFolder(async (dir) => {
    const [own, out] = [fixturePath('101-ernie45moe-f32'), join(dir, 'out')]
    const original = await run(own)
    const { newExperts } = await graftModel(own, out, { from: own, threads: 1 })
    const { routes } = await run(out)
    // Each expert is there twice, so a token uses both copies of the best one, and one of the second.
    for (const layer of [1, 2, 3]) {
      const { ids } = routesOf(routes[layer], 'mlp')
      for (let t = 0; t < TOKENS.length; t++) {
        const chosen = [...ids.subarray(3 * t, 3 * t + 3)]
        assert.is(new Set(chosen.map((id) => id % 8)).size, 2, `layer ${layer}, token ${t}: ${chosen}`)
        assert.is(chosen.filter((id) => id >= 8).length, 1)
      }
    }
    const mask = newExperts.mlp?.map((ids) => ids.map((id) => id + 8))
    assertSame(await run(out, { mlp: mask, gates: 'kept' }), original)
  }))

test('models that do not fit are refused, and the message names the difference', () =>
  inTemporaryFolder(async (dir) => {
    const { own, giver, out } = await twoModels(dir, {}, { ffd_hidden: 60 })
    const graft = (options: object) => () => graftModel(own, out, { from: giver, threads: 1, ...options })
    await rejectsWithUserError(graft({}), /giver does not fit .*own: its ffd_hidden is 60, not 52/)
    await rejectsWithUserError(graft({ from: own, experts: [6] }), /no attention expert 6 in layer 0, only 0 to 4/)
    assert.equal((await readdir(dir)).sort(), ['giver', 'own'])
  }))

test.run()
