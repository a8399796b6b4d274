import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type ExpertMask, graftModel } from '#molm/index.js'
import { fixturePath } from '../support/fixtures.js'
import { forwardHere } from '../support/forward-here.js'
import { rejectsWithUserError } from '../support/rejects.js'
import { routesOf } from '../support/routes.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'

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

test.run()
