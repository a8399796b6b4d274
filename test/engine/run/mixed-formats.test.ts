import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { UserError } from '#molm/ground/errors.js'
import { localFolder } from '#molm/ground/files/local-folder.js'
import { convertModel, describeModel } from '#molm/index.js'
import { graftModel } from '#molm/lab/index.js'
import { withPackedModel } from '#molm/lab/surgery/packed-model.js'
import { writePruned } from '#molm/lab/surgery/write-pruned.js'
import { blueprintOf, parseConfig } from '#molm/model/families/index.js'
import { formatsFor, type PartFormats, type Quant } from '#molm/model/packing/format/formats.js'
import { openPackedFile } from '#molm/model/packing/format/packed-file.js'
import { packedFileName } from '#molm/model/packing/format/packed-folder.js'
import { decodeMetadata, encodeMetadata } from '#molm/model/packing/format/packed-metadata.js'
import { convertSource } from '#molm/model/packing/write/convert.js'
import { openCheckpointSource } from '#molm/model/packing/write/pack-source.js'
import { sameBits } from '../../support/compare.js'
import { fixturePath } from '../../support/fixtures.js'
import { forwardHere } from '../../support/forward-here.js'
import { bankOf, pack, TIERS } from '../../support/kernel-bench.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

const FIXTURE = '31-olmoe-f32'
const TOKENS = [5, 9, 2, 31, 44, 7, 7, 60, 12, 13, 1, 20, 30, 40, 50, 3, 8, 21, 22, 23]

/** Other formats for some experts, for the second matrix of a layer, for queries of another, and for the head. */
const MIXED = {
  'layers.0.mlp.0/gate_up': 'q3',
  'layers.0.mlp.0/down': 'q2',
  'layers.0.mlp.1/gate_up': 'q8',
  'layers.0.mlp.1/down': 'q8',
  'layers.0.mlp.2/gate_up': 'q4m',
  'layers.0.mlp.2/down': 'q3',
  'layers.0.mlp.3/gate_up': 'q2',
  'layers.0.mlp.3/down': 'q4m',
  'layers.1.mlp.*/down': 'q8',
  'layers.1.mlp.3/down': 'q4',
  'layers.0.dense/qkv.weight': 'q8',
  'layers.1.dense/qkv.weight': 'q4m',
  'lm_head/weight': 'q8',
} as const

function refuses(decode: () => unknown, message: RegExp): void {
  assert.throws(decode, (error: Error) => error instanceof UserError && message.test(error.message))
}

const test = suite('packings with several formats')

/** Packs the fixture as q4, with these formats of single matrices. */
async function packMixed(
  dir: string,
  pieces: NonNullable<PartFormats['pieces']>,
  formats: PartFormats = formatsFor('q4'),
): Promise<void> {
  const open = async () => {
    const blueprint = (json: unknown, path: string) => blueprintOf(parseConfig(json, path))
    const source = await openCheckpointSource(localFolder(fixturePath(FIXTURE)), 'q4', blueprint)
    return { ...source, formats: { ...formats, pieces } }
  }
  await convertSource(open, dir, { pack: async (request) => pack(bankOf('relaxed'), request) })
}

test('all tiers, threads and amounts of memory give the same bits', () =>
  inTemporaryFolder(async (dir) => {
    const model = join(dir, 'model')
    await packMixed(model, MIXED)
    const expected = await forwardHere(model, TOKENS)
    const { bytes, leastBytes } = await describeModel(model)
    assert.ok(leastBytes < bytes)
    for (const tier of TIERS) sameBits((await forwardHere(model, TOKENS, { tier })).logits, expected.logits, tier)
    sameBits((await forwardHere(model, TOKENS, { threads: 3 })).logits, expected.logits, 'threads')
    sameBits((await forwardHere(model, TOKENS, { memory: leastBytes })).logits, expected.logits, 'memory')
    sameBits((await forwardHere(model, TOKENS, { bankBytes: 1 })).logits, expected.logits, 'banks')
  }))

test('with q8 for every matrix it has the bits of an ordinary q8 packing', () =>
  inTemporaryFolder(async (dir) => {
    const [model, plain] = [join(dir, 'model'), join(dir, 'plain')]
    const names = ['dense/qkv.weight', 'dense/output.weight', 'mlp.*/gate_up', 'mlp.*/down']
    const keys = [0, 1].flatMap((layer) => names.map((name) => `layers.${layer}.${name}`))
    await packMixed(model, Object.fromEntries([...keys, 'lm_head/weight'].map((key) => [key, 'q8'])))
    await packMixed(plain, {}, { ...formatsFor('q8'), embedding: 'q8', router: 'q8' })
    // By default the first has a q8 cache, since its other matrices would have 4 bits.
    const [found, expected] = await Promise.all(
      [model, plain].map((folder) => forwardHere(folder, TOKENS, { cacheType: 'bf16' })),
    )
    sameBits(found.logits, expected.logits, 'logits')
  }))

/** Packings in q4 with other formats of experts. */
const PACKINGS: Record<string, (dir: string) => Promise<unknown>> = {
  'several formats': (dir) => packMixed(dir, MIXED),
  MXFP4: (dir) => convertModel(fixturePath('72-gptoss-mxfp4'), dir, { quant: 'q4', threads: 1 }),
}

for (const [name, packInto] of Object.entries(PACKINGS)) {
  test(`copies of experts keep their bits and formats: ${name}`, () =>
    inTemporaryFolder(async (dir) => {
      const [model, pruned, grafted] = ['model', 'pruned', 'grafted'].map((name) => join(dir, name))
      await packInto(model)
      const { config } = await describeModel(model)
      const kept = config.mixtures[0].experts.map((count) => [...Array(count).keys()].slice(1))
      await withPackedModel(model, pruned, {}, (packed) =>
        writePruned(packed, pruned, { selection: { mlp: kept }, gates: 'kept', account: {} }),
      )
      await graftModel(pruned, grafted, { from: model, experts: [1], threads: 1 })
      const open = (path: string) => openPackedFile(join(path, packedFileName('q4')))
      const [own, less, more] = [await open(model), await open(pruned), await open(grafted)]
      const sum = (file: typeof own, name: string) => file.parts.get(name)?.sha256
      assert.is(sum(less, 'layers.0.mlp.0'), sum(own, 'layers.0.mlp.1'))
      assert.is(sum(less, 'layers.1.mlp.2'), sum(own, 'layers.1.mlp.3'))
      assert.is(sum(more, `layers.0.mlp.${kept[0].length}`), sum(own, 'layers.0.mlp.1'))
      const { pieces: ofOwn, ...formats } = own.metadata.formats
      const { pieces, ...ofLess } = less.metadata.formats
      assert.equal(ofLess, formats)
      assert.is(pieces?.['layers.1.mlp.2/down'], undefined)
      assert.is(pieces?.['layers.1.mlp.0/down'], ofOwn?.['layers.1.mlp.*/down'])
      for (const path of [pruned, grafted]) assert.ok((await forwardHere(path, TOKENS)).logits.every(Number.isFinite))
    }))
}

test('impossible formats of single matrices are refused by name', () => {
  const decoded = (pieces: unknown, quant: Quant = 'q4') => {
    const formats = { ...formatsFor(quant), pieces } as PartFormats
    return decodeMetadata(encodeMetadata({ quant, formats, source: 'test', files: {} }, new Map()), 'model').metadata
  }
  assert.equal(decoded(MIXED).formats.pieces, MIXED)
  assert.equal(decoded({ 'layers.0.mlp.1/down': 'q3' }, 'q8').formats.pieces, { 'layers.0.mlp.1/down': 'q3' })
  refuses(() => decoded({ 'layers.0.mlp.1/down': 'q5' }), /no known format for layers\.0\.mlp\.1\/down/)
  refuses(() => decoded({ 'lm_head/weight': 'f32' }), /impossible format f32 for lm_head/)
  refuses(() => decoded({ 'lm_head/weight': 'q8' }, 'f32'), /impossible format q8 for lm_head/)
  refuses(() => decoded(['q8']), /no readable formats/)
})

test.run()
