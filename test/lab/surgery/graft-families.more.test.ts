import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { ExpertMask } from '#molm/index.js'
import { graftModel } from '#molm/lab/index.js'
import { fixturePath } from '../../support/fixtures.js'
import { forwardHere } from '../../support/forward-here.js'
import { rejectsWithUserError } from '../../support/rejects.js'
import { routesOf } from '../../support/routes.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

const TOKENS = [5, 9, 2, 31, 44, 7, 7, 60, 12, 13]

const run = (name: string, mask?: ExpertMask) => forwardHere(name, TOKENS, mask && { masked: () => mask })

test('the expert that every token uses stays so, and is not given', () =>
  inTemporaryFolder(async (dir) => {
    const [own, out] = [fixturePath('142-emo-pruned-bf16-sharded'), join(dir, 'out')]
    const original = await run(own)
    const { newExperts } = await graftModel(own, out, { from: own, threads: 1 })
    const ids = (count: number) => [...Array(count).keys()]
    assert.equal(newExperts, { mlp: [ids(6), [], ids(9)] })
    const { routes } = await run(out)
    for (const [layer, always] of [
      [0, 6],
      [2, 9],
    ]) {
      const { ids, gates } = routesOf(routes[layer], 'mlp')
      for (let t = 0; t < TOKENS.length; t++) assert.equal([ids[3 * t], gates[3 * t]], [always, 1])
    }
    const added = [ids(6).map((id) => id + 7), [], ids(9).map((id) => id + 10)]
    const masked = await run(out, { mlp: added, gates: 'kept' })
    assert.equal(masked.logits, original.logits)
    assert.equal(masked.routes, original.routes)
    await rejectsWithUserError(
      () => graftModel(own, out, { from: own, experts: [0, 6], layers: [0], threads: 1 }),
      /mlp expert 6 of layer 0 cannot be given: every token uses it/,
    )
  }))

test('a model with only MLP experts and a dense layer gets new experts in the layers with experts', () =>
  inTemporaryFolder(async (dir) => {
    const [own, out] = [fixturePath('41-qwen3moe-f32'), join(dir, 'out')]
    const original = await run(own)
    const { newExperts } = await graftModel(own, out, { from: own, experts: [2, 5], gateBias: 100, threads: 1 })
    assert.equal(newExperts, { mlp: [[2, 5], [], [2, 5], [2, 5]] })
    const { routes } = await run(out)
    assert.equal(
      [...routes.keys()].filter((layer) => routes[layer].mlp?.ids.some((id) => id >= 8)),
      [0, 2, 3],
    )
    const masked = await run(out, { mlp: [[8, 9], [], [8, 9], [8, 9]], gates: 'kept' })
    assert.equal(masked.logits, original.logits)
    assert.equal(masked.routes, original.routes)
    const graft = (options: object) => () => graftModel(own, out, { from: own, threads: 1, ...options })
    await rejectsWithUserError(graft({ layers: [1] }), /the giving model has no experts in these layers/)
  }))

test.run()
