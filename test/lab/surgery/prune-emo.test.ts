import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { measureUsage } from '#molm/index.js'
import { pruneModel } from '#molm/lab/index.js'
import { withPackedModel } from '#molm/lab/surgery/packed-model.js'
import { maskOf } from '#molm/lab/surgery/selection.js'
import { writePruned } from '#molm/lab/surgery/write-pruned.js'
import { drawUsage, renderSvg } from '#molm/pictures.js'
import { forwardHere } from '../../support/forward-here.js'
import { withModel } from '../../support/models.js'
import { integers } from '../../support/random.js'
import { rejectsWithUserError } from '../../support/rejects.js'
import { routesOf } from '../../support/routes.js'
import { calibration, inFolderOfEmo } from './small-emo.js'

test('a share of the experts always includes the one that every token uses', () =>
  inFolderOfEmo({}, async (model, out) => {
    const calibrate = await calibration()
    const options = { calibrate, by: 'reap', threads: 1, quant: 'f32' } as const
    const { selection } = await pruneModel(model, out, { ...options, keep: 0.375, gates: 'all' })
    assert.equal(
      selection.mlp?.map((ids) => [ids.length, ids.at(-1)]),
      [
        [3, 7],
        [0, undefined],
        [3, 7],
      ],
    )
    const { molm_experts } = JSON.parse(await readFile(join(out, 'config.json'), 'utf8'))
    assert.equal(molm_experts, {
      mlp: [3, 0, 3],
      silent: { mlp: [5, 0, 5] },
      always: { mlp: [[2], [], [2]] },
    })
    const pruned = { calibrate, keep: 0.25, threads: 1 }
    await rejectsWithUserError(() => pruneModel(model, out, pruned), /leaves 2 of 8 mlp experts .* uses 3/)
  }))

test('listed experts get new ids, and give the masked model’s results', () =>
  inFolderOfEmo({ always_active_experts: [2, 5] }, async (model, out) => {
    const selection = { mlp: [[1, 2, 5, 6], [], [0, 2, 5, 7]] }
    const gates = 'kept' as const
    const options = { selection, gates, account: {} }
    await withPackedModel(model, out, { quant: 'f32' }, (packed) => writePruned(packed, out, options))
    const { molm_experts } = JSON.parse(await readFile(join(out, 'config.json'), 'utf8'))
    assert.equal(molm_experts.always, { mlp: [[1, 2], [], [1, 2]] })
    const tokens = integers(20, 3, 4096)
    const quant = 'f32' as const
    const masked = await forwardHere(model, tokens, { quant, masked: (config) => maskOf(selection, config, gates) })
    const pruned = await forwardHere(out, tokens, { quant })
    assert.ok(pruned.logits.every((value, i) => Math.abs(value - masked.logits[i]) < 1e-4))
    for (const layer of [0, 2]) {
      const ids = [...(pruned.routes[layer].mlp?.ids ?? [])].map((id) => selection.mlp[layer][id])
      assert.equal(ids, [...(masked.routes[layer].mlp?.ids ?? [])])
    }
  }))

test('usage counts the expert that every token uses like any other, and skips dense layers', () =>
  inFolderOfEmo({}, async (path) => {
    await withModel(path, { quant: 'f32', threads: 1 }, async (model) => {
      const measured = await measureUsage(model, (await calibration())[0].text.slice(0, 800))
      for (const layer of [0, 2]) {
        const { counts, gateMass } = measured.usage.of('mlp', layer)
        assert.equal([counts[7], gateMass[7]], [measured.usage.tokens, measured.usage.tokens])
        assert.is(
          counts.reduce((sum, count) => sum + count, 0),
          3 * measured.usage.tokens,
        )
      }
      assert.is(measured.usage.of('mlp', 1).experts, 0)
      assert.match(renderSvg(drawUsage([measured])), /<svg/)
      for (let token = 0; token < measured.usage.tokens; token++) {
        const { ids, gates } = routesOf(measured.at(token)[0], 'mlp')
        assert.equal([ids[0], gates[0]], [7, 1])
        assert.equal(measured.first(token, 0, 'mlp'), { id: ids[1], gate: gates[1] })
        assert.is(measured.first(token, 1, 'mlp'), undefined)
      }
      await rejectsWithUserError(
        () => model.maskExperts({ mlp: [[7], [], []], gates: 'kept' }),
        /mlp expert 7 of layer 0 cannot be masked: every token uses it/,
      )
    })
  }))

test.run()
