import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Dataset } from '#molm/lab/teaching/datasets.js'
import { measureHeldOut } from '#molm/lab/teaching/measure.js'
import { fixturePath } from '../../support/fixtures.js'
import { withModel } from '../../support/models.js'

const TINY = fixturePath('01-base-bin-f32')
const NONE = { kind: 'mlp', first: [] } as const

const datasetOf = (sequences: number): Dataset => {
  const heldOut = Array.from({ length: sequences }, (_, i) => Int32Array.from({ length: 64 }, (_, j) => (i + j) % 20))
  return { name: 'text', train: [], heldOut }
}

test('a bounded sample of a long held-out part is read, and all of a short one', () =>
  withModel(TINY, { threads: 1 }, async (model) => {
    assert.is((await measureHeldOut(model, datasetOf(512), NONE)).scored, 256 * 63)
    assert.is((await measureHeldOut(model, datasetOf(3), NONE)).scored, 3 * 63)
    assert.is((await measureHeldOut(model, { ...datasetOf(3), prompt: 8 }, NONE)).scored, 3 * 56)
  }))

test('an abort rejects with its reason', () =>
  withModel(TINY, { threads: 1 }, async (model) => {
    const controller = new AbortController()
    const reading = measureHeldOut(model, datasetOf(512), NONE, controller.signal)
    const reason = new Error('enough')
    controller.abort(reason)
    assert.is(await reading.catch((error) => error), reason)
  }))

test.run()
