import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { describeModel, graftModel } from '#molm/index.js'
import { openPackedFile } from '#molm/packing/format/packed-file.js'
import { packedFileName } from '#molm/packing/format/packed-folder.js'
import { withPackedModel } from '#molm/surgery/packed-model.js'
import { writePruned } from '#molm/surgery/write-pruned.js'
import { sameBits } from '../support/compare.js'
import { forwardHere } from '../support/forward-here.js'
import { TIERS } from '../support/kernel-bench.js'
import { writeMxfp4Model } from '../support/mxfp4-model.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'

const FIXTURE = '31-olmoe-f32'
const TOKENS = [5, 9, 2, 31, 44, 7, 7, 60, 12, 13, 1, 20, 30, 40, 50, 3, 8, 21, 22, 23]

const test = suite('models with MXFP4 experts')

test('in f32 a model has the bits of the one with the same weights as floats', () =>
  inTemporaryFolder(async (dir) => {
    const [mxfp4, floats] = [join(dir, 'mxfp4'), join(dir, 'floats')]
    assert.is((await writeMxfp4Model(FIXTURE, mxfp4, 'f32', 'mxfp4')).mlp, 'mxfp4_f32')
    await writeMxfp4Model(FIXTURE, floats, 'f32', 'floats')
    const expected = await forwardHere(floats, TOKENS)
    for (const tier of TIERS) {
      const found = await forwardHere(mxfp4, TOKENS, { tier })
      sameBits(found.logits, expected.logits, tier)
      assert.equal(found.routes, expected.routes)
    }
    assert.ok((await describeModel(mxfp4)).bytes < 0.5 * (await describeModel(floats)).bytes)
  }))

test('in q8 all tiers give the same bits, close to those of float activations', () =>
  inTemporaryFolder(async (dir) => {
    const [exact, model] = [join(dir, 'exact'), join(dir, 'model')]
    await writeMxfp4Model(FIXTURE, exact, 'f32', 'mxfp4')
    assert.is((await writeMxfp4Model(FIXTURE, model, 'q8', 'mxfp4')).mlp, 'mxfp4')
    const [reference, expected] = [await forwardHere(exact, TOKENS), await forwardHere(model, TOKENS)]
    for (const tier of TIERS) sameBits((await forwardHere(model, TOKENS, { tier })).logits, expected.logits, tier)
    const most = reference.logits.reduce((most, logit) => Math.max(most, Math.abs(logit)), 0)
    const errors = expected.logits.map((logit, i) => (logit - reference.logits[i]) ** 2)
    const error = Math.sqrt(errors.reduce((sum, square) => sum + square, 0) / errors.length)
    assert.ok(error < 0.02 * most, `${error} of ${most}`)
  }))

test('pruning and grafting copy the experts bit for bit, and keep their format', () =>
  inTemporaryFolder(async (dir) => {
    const [model, pruned, grafted] = ['model', 'pruned', 'grafted'].map((name) => join(dir, name))
    await writeMxfp4Model(FIXTURE, model, 'q4', 'mxfp4')
    const open = (path: string) => openPackedFile(join(path, packedFileName('q4')))
    const { config } = await describeModel(model)
    const mlp = config.mixtures[0].experts.map((count) => [...Array(count).keys()].slice(1))
    await withPackedModel(model, pruned, {}, (packed) =>
      writePruned(packed, pruned, { selection: { mlp }, gates: 'kept', account: {} }),
    )
    await graftModel(pruned, grafted, { from: model, experts: [0], threads: 1 })
    const [own, less, more] = [await open(model), await open(pruned), await open(grafted)]
    for (const { metadata } of [less, more]) assert.equal(metadata.formats, own.metadata.formats)
    const last = mlp[0].length
    assert.is(less.parts.get('layers.0.mlp.0')?.sha256, own.parts.get('layers.0.mlp.1')?.sha256)
    assert.is(more.parts.get('layers.0.mlp.0')?.sha256, own.parts.get('layers.0.mlp.1')?.sha256)
    assert.is(more.parts.get(`layers.0.mlp.${last}`)?.sha256, own.parts.get('layers.0.mlp.0')?.sha256)
    assert.ok((await forwardHere(grafted, TOKENS)).logits.every(Number.isFinite))
  }))

test.run()
