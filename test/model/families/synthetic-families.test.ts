import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Decoder } from '#molm/model/layers/decoder.js'
import { inOneRow, isNear, maxDifference, sameBits } from '../../support/compare.js'
import { type FamilyCase, seedOf } from '../../support/family-case.js'
import { FAMILY_CASES } from '../../support/family-cases.js'
import { logitsInPieces, type PassedHere, passHere } from '../../support/forward-here.js'
import { TIERS } from '../../support/kernel-bench.js'
import { withLoaded } from '../../support/loaded-model.js'
import { integers } from '../../support/random.js'
import type { Passed } from '../../support/reference-families.js'
import type { ReferenceTensors } from '../../support/reference-layers.js'
import { randomTensors, writeTensors } from '../../support/synthetic-checkpoint.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'
import { GATES, LOGITS } from '../../support/tolerances.js'

/*
 * Checkpoints of random weights against a reference in double precision that shares no code with the library, and the
 * same bits in pieces and after cuts.
 */

const LENGTH = 22
const VOCABULARY = 61

/** Compares outputs of the experts of a layer times their gates, and of a shared one. Returns whether there is one. */
function checkOutputs(
  { routes, expertOutputs, sharedOutputs }: PassedHere,
  { chosen, outputs }: Passed,
  layer: number,
): boolean {
  const [gates, rows] = [routes[layer].mlp?.gates, expertOutputs?.[layer].mlp]
  const expected = outputs?.[layer] ?? []
  const k = chosen[layer][0]?.length ?? 0
  if (!gates || !rows || expected.length === 0) return false
  const width = expected[0][0].length
  const weighted = rows.map((value, i) => value * gates[Math.floor(i / width)])
  const all = inOneRow(expected.flat())
  const most = LOGITS * all.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  isNear(weighted, inOneRow(expected.flatMap((ofToken) => ofToken.slice(0, k))), most, `outputs of layer ${layer}`)
  const shared = inOneRow(expected.flatMap((ofToken) => ofToken.slice(k)))
  isNear(sharedOutputs?.[layer] ?? [], shared, most, `shared outputs of layer ${layer}`)
  return shared.length > 0
}

/** Families whose shared experts have been compared. */
const sharing = new Set<string>()

function check(
  model: Decoder,
  { name, reference }: FamilyCase,
  tensors: ReferenceTensors,
  tokens: readonly number[],
): void {
  const passed = reference(tensors, tokens)
  const { logits, chosen } = passed
  const expected = inOneRow(logits)
  const found = passHere(model, tokens)
  const size = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  const difference = maxDifference(found.logits, expected) / size
  assert.ok(difference <= LOGITS, `logits differ by ${difference} of the largest`)
  for (const [l, ofTokens] of chosen.entries()) {
    const { mlp } = found.routes[l]
    assert.is(mlp === undefined, ofTokens.length === 0, `layer ${l} has experts or not`)
    if (!mlp) continue
    const [ids, gates] = [ofTokens.flat().map(({ id }) => id), ofTokens.flat().map(({ gate }) => gate)]
    assert.equal([...mlp.ids], ids, `experts of layer ${l}`)
    isNear(mlp.gates, gates, GATES, `gates of layer ${l}`)
    if (checkOutputs(found, passed, l)) sharing.add(name.split(':')[0])
  }
  const inPieces = logitsInPieces(model, tokens, [1, 5, 2, 14], [21, 19, 11, 1])
  sameBits(inPieces, found.logits, 'in pieces, after cuts')
}

for (const [i, family] of FAMILY_CASES.entries()) {
  test(family.name, () =>
    inTemporaryFolder(async (dir) => {
      const seed = seedOf(family.name)
      const written = randomTensors(family.keys, seed, family.weights)
      await writeTensors(dir, family.keys, written)
      const tensors = new Map([...written].map(([key, { values }]) => [key, values]))
      const tokens = integers(LENGTH, seed, VOCABULARY)
      const tier = TIERS[i % TIERS.length]
      await withLoaded(dir, { quant: 'f32', tier }, ({ model }) => check(model, family, tensors, tokens))
    }),
  )
}

test('shared experts of several families were among them', () => {
  const windows = ['afmoe', 'ernie4_5_moe', 'gemma4_text', 'granitemoe_swa']
  const groups = ['bailing_moe_v2', 'deepseek_v2', 'deepseek_v3', 'glm4_moe', 'glm4_moe_lite']
  const recurrent = ['bailing_hybrid', 'granitemoehybrid', 'kimi_linear', 'qwen3_5_moe_text', 'qwen3_next']
  assert.equal([...sharing].sort(), [...windows, ...groups, ...recurrent].sort())
})

test.run()
