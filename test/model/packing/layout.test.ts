import { readFile } from 'node:fs/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { layoutOf, parseConfig } from '#molm/model/families/index.js'
import { formatsFor, packedBytes, QUANTS } from '#molm/model/packing/format/formats.js'
import { type Layout, pieceOf } from '#molm/model/packing/format/layout.js'
import { FAMILY_FIXTURES, FIXTURES, fixtureConfig, repositoryPath } from '../../support/fixtures.js'

const configOf = (name: string) => parseConfig(fixtureConfig(name), name)

/** Pieces of a part as "name kind format rows x cols". */
function describe(layout: Layout, name: string): string[] {
  return layout.part(name).pieces.map((p) => `${p.name} ${p.kind} ${p.format} ${p.rows}x${p.cols}`)
}

test('sizes count whole tiles, blocks and padded vectors', () => {
  assert.is(packedBytes('matrix', 'f32', 8, 32), 1024)
  assert.is(packedBytes('matrix', 'q8', 8, 32), 272)
  assert.is(packedBytes('matrix', 'q4', 8, 32), 144)
  assert.is(packedBytes('matrix', 'q4', 9, 33), 4 * 144)
  assert.is(packedBytes('rows', 'f32', 3, 33), 3 * 256)
  assert.is(packedBytes('rows', 'q8', 3, 33), 3 * 68)
  assert.is(packedBytes('vector', 'f32', 1, 1), 128)
  assert.throws(() => packedBytes('rows', 'q4', 8, 32), RangeError)
})

test('every part and piece of every fixture is aligned, and pieces neither overlap nor leave their part', () => {
  for (const name of FIXTURES) {
    const config = configOf(name)
    for (const quant of QUANTS) {
      const { parts, bytes } = layoutOf(config, formatsFor(quant))
      assert.is(
        bytes,
        parts.reduce((sum, part) => sum + part.bytes, 0),
      )
      assert.is(new Set(parts.map((part) => part.name)).size, parts.length)
      for (const part of parts) {
        assert.is(part.bytes % 64, 0)
        let end = 0
        for (const piece of part.pieces) {
          assert.is(piece.offset % 64, 0)
          assert.ok(piece.offset >= end && piece.offset - end < 64, `${name} ${part.name} ${piece.name}`)
          assert.is(piece.bytes, packedBytes(piece.kind, piece.format, piece.rows, piece.cols))
          end = piece.offset + piece.bytes
        }
        assert.ok(part.bytes >= end && part.bytes - end < 64)
      }
    }
  }
})

test('parts follow the order of use', () => {
  const config = configOf('05-linear-silu-safetensors-f32')
  const names = layoutOf(config, formatsFor('q4')).parts.map((part) => part.name)
  const layer = (l: number) => [
    `layers.${l}.dense`,
    ...Array.from({ length: 5 }, (_, e) => `layers.${l}.attention.${e}`),
    ...Array.from({ length: 10 }, (_, e) => `layers.${l}.mlp.${e}`),
  ]
  assert.equal(names, ['embedding', ...layer(0), ...layer(1), 'final', 'lm_head'])
})

test('a part has the numbers of its layer and expert', () => {
  const config = configOf('05-linear-silu-safetensors-f32')
  for (const { name, layer, expert } of layoutOf(config, formatsFor('q4')).parts) {
    const [, number, rest] = /^layers\.(\d+)\.(.+)$/.exec(name) ?? []
    assert.is(layer, number === undefined ? undefined : Number(number), name)
    assert.is(expert && `${expert.kind}.${expert.id}`, rest === 'dense' ? undefined : rest, name)
  }
})

test('the pieces of a layer with projections and mlp routers', () => {
  const layout = layoutOf(configOf('04-bin-f16-sharded'), formatsFor('q4'))
  assert.equal(describe(layout, 'embedding'), ['table rows q8 300x48'])
  assert.equal(describe(layout, 'layers.3.dense'), [
    'ln_1.weight vector f32 1x48',
    'ln_1.bias vector f32 1x48',
    'attention.router.hidden.weight matrix q8 20x48',
    'attention.router.hidden.bias vector f32 1x20',
    'attention.router.logits.weight matrix f32 6x20',
    'key.weight matrix q4 40x48',
    'key.bias vector f32 1x40',
    'value.weight matrix q4 40x48',
    'value.bias vector f32 1x40',
    'ln_2.weight vector f32 1x48',
    'ln_2.bias vector f32 1x48',
    'mlp.router.hidden.weight matrix q8 20x48',
    'mlp.router.hidden.bias vector f32 1x20',
    'mlp.router.logits.weight matrix f32 8x20',
  ])
  assert.equal(describe(layout, 'layers.3.attention.5'), ['query matrix q4 40x48', 'output matrix q4 48x40'])
  assert.equal(describe(layout, 'layers.3.mlp.7'), ['input matrix q4 88x48', 'output matrix q4 48x88'])
  assert.equal(describe(layout, 'final'), ['ln_f.weight vector f32 1x48', 'ln_f.bias vector f32 1x48'])
  assert.equal(describe(layout, 'lm_head'), ['weight matrix q4 300x48'])
})

test('linear and gmm routers have their own pieces', () => {
  const linear = configOf('05-linear-silu-safetensors-f32')
  const gmm = { ...linear, gateType: 'gmm', gatingSize: 24 }
  const router = (layout: Layout) => describe(layout, 'layers.0.dense').filter((line) => line.startsWith('mlp.router.'))
  assert.equal(router(layoutOf(linear, formatsFor('q4'))), ['mlp.router.logits.weight matrix f32 10x40'])
  assert.equal(router(layoutOf(gmm, formatsFor('q4'))), [
    'mlp.router.projection.weight matrix q8 24x40',
    'mlp.router.centroids matrix f32 10x24',
    'mlp.router.temperature vector f32 1x1',
  ])
})

test('a model that shares keys and values with its input has no projections', () => {
  const layout = layoutOf(configOf('11-molm-like-bin-bf16-sharded'), formatsFor('q4'))
  const names = layout.part('layers.0.dense').pieces.map((piece) => piece.name)
  assert.not.ok(names.some((name) => name.startsWith('key') || name.startsWith('value')))
})

test('a classifier ends with its scores', () => {
  const config = configOf('13-classifier-safetensors-f32')
  const layout = layoutOf(config, formatsFor('q8'))
  assert.equal(describe(layout, 'score'), ['weight matrix q8 3x64'])
})

test('a tied head is packed from the embedding table', () => {
  const config = configOf('02-base-safetensors-f32')
  const head = (tied: boolean) =>
    pieceOf(layoutOf({ ...config, tieWordEmbeddings: tied }, formatsFor('f32')).part('lm_head'), 'weight').sources[0]
      .tensor.key
  assert.is(head(true), 'transformer.wte.weight')
  assert.is(head(false), 'lm_head.weight')
})

test('layers with different numbers of experts have as many parts', () => {
  const config = configOf('02-base-safetensors-f32')
  const experts = { attention: [4, 2, 3], mlp: [8, 2, 5] }
  const mixtures = config.mixtures.map((mixture) => ({ ...mixture, experts: experts[mixture.kind] }))
  const { parts } = layoutOf({ ...config, mixtures }, formatsFor('q4'))
  const count = (prefix: string) => parts.filter((part) => part.name.startsWith(prefix)).length
  assert.equal(
    [0, 1, 2].map((l) => count(`layers.${l}.attention.`)),
    [4, 2, 3],
  )
  assert.equal(
    [0, 1, 2].map((l) => count(`layers.${l}.mlp.`)),
    [8, 2, 5],
  )
})

test('FORMAT.md names every piece of every family', async () => {
  const text = await readFile(repositoryPath('docs/FORMAT.md'), 'utf8')
  for (const name of [...FIXTURES, ...FAMILY_FIXTURES]) {
    const pieces = layoutOf(configOf(name), formatsFor('q4')).parts.flatMap((part) => part.pieces)
    for (const { name: piece } of pieces) {
      // The pieces of a ModuleFormer's routers are listed once for both kinds, and heads once.
      const listed = piece.replace(/^(conv\.head|latent\.\w+)\.\d+$/, '$1.{h}')
      const short = listed.replace(/^(attention|mlp)\.router\.(?!logits\.weight|selection)/, '')
      assert.ok(
        [listed, short].some((known) => text.includes(`\`${known}\``)),
        `${name}: ${piece}`,
      )
    }
  }
})

test('an unknown part or piece is an error, not undefined', () => {
  const layout = layoutOf(configOf('02-base-safetensors-f32'), formatsFor('q4'))
  assert.throws(() => layout.part('layers.9.dense'), /layers\.9\.dense/)
  assert.throws(() => pieceOf(layout.part('final'), 'ln_1.weight'), /ln_1\.weight/)
})

test.run()
