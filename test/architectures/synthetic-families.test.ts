import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Quant } from '#molm/packing/format/formats.js'
import { isNear, maxDifference, sameBits } from '../support/compare.js'
import { FAMILY_CASES, type FamilyCase } from '../support/family-cases.js'
import { randomWeights } from '../support/family-checkpoint.js'
import { forwardHere, logitsInPieces } from '../support/forward-here.js'
import { withLoaded } from '../support/loaded-model.js'
import { integers } from '../support/random.js'
import type { ReferenceTensors } from '../support/reference-layers.js'
import { writeTensors } from '../support/synthetic-checkpoint.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { GATES, LOGITS } from '../support/tolerances.js'

/*
 * Checkpoints of random weights against a reference in double precision that shares no code with the library, and the
 * same bits however the model reads a text.
 */

const LENGTH = 30
const VOCABULARY = 61

const QUANTS: readonly Quant[] = ['f32', 'q8', 'q4']
const TIERS = ['scalar', 'plain', 'relaxed'] as const

async function hasExactResults(
  dir: string,
  { reference }: FamilyCase,
  tensors: ReferenceTensors,
  tokens: readonly number[],
): Promise<void> {
  const { logits, chosen } = reference(tensors, tokens)
  const expected = logits.flatMap((row) => [...row])
  const found = await forwardHere(dir, tokens, { quant: 'f32' })
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
  }
}

/** Reads a text whole on two tiers; on one also token by token, in random pieces, and again after cuts. */
async function hasSameBits(dir: string, quant: Quant, tokens: readonly number[], seed: number): Promise<void> {
  const n = tokens.length
  const pieces = integers(4, seed, 7).map((size) => size + 1)
  const rest = n - pieces.reduce((a, b) => a + b, 0)
  let first: Float32Array | undefined
  for (const i of [0, 1]) {
    const tier = TIERS[(seed + i) % TIERS.length]
    const threads = 1 + ((seed + 2 * i) % 3)
    await withLoaded(dir, { quant, tier, threads }, ({ model }) => {
      const whole = logitsInPieces(model, tokens, [n])
      first ??= whole
      sameBits(whole, first, `${quant}, ${tier}, ${threads} threads`)
      if (i === 0) return
      const ones = new Array<number>(n).fill(1)
      sameBits(logitsInPieces(model, tokens, ones), whole, `${quant}, ${tier}, token by token`)
      const cut = logitsInPieces(model, tokens, [...pieces, rest], [n - 1, n - 3, 17, 1, n - 1, 0])
      sameBits(cut, whole, `${quant}, ${tier}, in pieces of ${pieces}, after cuts`)
    })
  }
}

for (const [i, family] of FAMILY_CASES.entries()) {
  test(family.name, () =>
    inTemporaryFolder(async (dir) => {
      const written = randomWeights(family.shapes, 100 * i + 1, family.weights)
      await writeTensors(dir, family.keys, written)
      const tensors = new Map([...written].map(([key, { values }]) => [key, values]))
      const tokens = integers(LENGTH, i + 1, VOCABULARY)
      await hasExactResults(dir, family, tensors, tokens)
      await hasSameBits(dir, QUANTS[i % QUANTS.length], tokens, i + Math.floor(i / QUANTS.length))
    }),
  )
}

test.run()
