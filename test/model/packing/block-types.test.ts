import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { sourceBytes } from '#molm/library/hub/plan.js'
import { type BlockType, blockOf } from '#molm/model/checkpoint/dtype.js'
import { contiguousStrides, readSpan, type Tensor } from '#molm/model/checkpoint/tensor.js'
import { formatsFor } from '#molm/model/packing/format/formats.js'
import { type Blueprint, planLayout } from '#molm/model/packing/format/layout.js'
import {
  expertOf,
  matrix,
  part,
  rowsOf,
  table,
  transposedExpert,
  vector,
  whole,
} from '#molm/model/packing/format/pieces.js'
import { checkTensors } from '#molm/model/packing/write/check-tensors.js'
import { CHUNK_BYTES, chunksOf } from '#molm/model/packing/write/chunks.js'
import { packParts } from '#molm/model/packing/write/pack.js'
import { bankOf, pack } from '../../support/kernel-bench.js'
import { bytesTensor, vastSource } from '../../support/memory-files.js'
import { BLOCK_TYPES, randomBlocks } from '../../support/random-blocks.js'
import { readFloats } from '../../support/read-floats.js'
import { referencePack } from '../../support/reference-pack.js'

const test = suite('packing parts from block types')

/** Experts, rows of each, width. */
const [E, R, D] = [2, 72, 256]

function tensor(name: string, dtype: BlockType, shape: number[]): Tensor {
  const elements = shape.reduce((product, n) => product * n, 1)
  const bytes = randomBlocks(dtype, elements / blockOf(dtype).elements, name.length)
  return bytesTensor(name, dtype, shape, bytes)
}

/** All kinds of pieces and of views. */
const blueprint: Blueprint = {
  *parts() {
    const experts = [E, R, D]
    yield part('embedding', [table('table', 'f32', whole('embedding', [R, D]))])
    yield part('dense', [
      vector('norm', whole('norm', [D])),
      matrix('qkv', 'f32', [rowsOf(whole('q', [R, D]), 0, 40), rowsOf(whole('q', [R, D]), 40, R)]),
    ])
    for (let id = 0; id < E; id++) {
      yield part(`experts.${id}`, [
        matrix('alternating', 'f32', expertOf('experts', experts, id), 'alternating'),
        matrix('gate_up', 'f32', [expertOf('experts', experts, id), expertOf('other', experts, id)], 'interleaved'),
        matrix('turned', 'f32', transposedExpert('experts', experts, id)),
      ])
    }
  },
  ignores: () => false,
  refusesUnknownTensors: true,
  readsMxfp4: false,
}

test('parts have the bytes of a reference packer', async () => {
  for (const dtype of BLOCK_TYPES) {
    const other = dtype === 'Q4_K' ? 'Q6_K' : 'Q4_K'
    const all = [
      tensor('embedding', dtype, [R, D]),
      tensor('norm', dtype, [D]),
      tensor('q', dtype, [R, D]),
      tensor('experts', dtype, [E, R, D]),
      tensor('other', other, [E, R, D]),
    ]
    const tensors = new Map(all.map((t) => [t.name, t]))
    assert.equal(checkTensors(blueprint, tensors), [])
    const layout = planLayout(blueprint, formatsFor('f32'))
    const found = await partsOf(packParts(layout, tensors, async (request) => pack(bank, request)))
    const expected = await partsOf(packParts(layout, tensors, referencePack))
    for (const [name, bytes] of expected) assert.ok(bytes.equals(found.get(name) ?? Buffer.of()), `${dtype} ${name}`)
    assert.is(
      sourceBytes(layout.part('embedding'), tensors),
      ((R * D) / blockOf(dtype).elements) * blockOf(dtype).bytes,
    )
  }
})

const bank = bankOf('relaxed')

async function partsOf(parts: ReturnType<typeof packParts>): Promise<Map<string, Buffer>> {
  const found = new Map<string, Buffer>()
  for await (const { part, bytes } of parts) found.set(part.name, Buffer.from(bytes))
  return found
}

test('a large tensor is divided between rows, into chunks of a bounded size', () => {
  const shape = [30_000, 4096]
  for (const [dtype, order, multiple] of [
    ['Q4_K', 'stacked', 32],
    ['Q4_K', 'alternating', 64],
    ['Q8_0', 'stacked', 32],
  ] as const) {
    const source = vastSource(2 ** 40)
    const t: Tensor = { name: 'w', dtype, shape, strides: contiguousStrides(shape), source, offset: 0 }
    const parts = [part('head', [matrix('weight', 'f32', whole('w', shape), order)])]
    const layout = planLayout({ parts: () => parts }, formatsFor('f32'))
    const chunks = [...chunksOf(layout, () => false, new Map([['w', t]]))]
    const rowBytes = (4096 / blockOf(dtype).elements) * blockOf(dtype).bytes
    let row = 0
    for (const { firstRow, rows, views, isLast } of chunks) {
      assert.is(firstRow, row)
      assert.is(views[0].offset, row * rowBytes)
      // As f32 it has at most the bytes of 16-bit weights as f32.
      assert.ok(rows * 4096 * 4 <= 2 * CHUNK_BYTES && (rows % multiple === 0 || isLast))
      row += rows
    }
    assert.is(row, shape[0])
    assert.ok(chunks.length < 1.1 * ((shape[0] * 4096 * 4) / (2 * CHUNK_BYTES)) + 1)
  }
})

test('columns of blocks are packed as the same floats are', async () => {
  const turned = { firstElement: 0, rows: D, cols: R, rowStride: 1, colStride: D, kind: 'matrix' } as const
  for (const dtype of BLOCK_TYPES) {
    const t = tensor('w', dtype, [R, D])
    const [blocks, floats] = [await readSpan(t), await readFloats(t)]
    for (const format of ['q8', 'q4', 'q4m'] as const) {
      const found = await pack(bank, { ...turned, format, dtype, bytes: blocks })
      const expected = await pack(bank, { ...turned, format, dtype: 'F32', bytes: new Uint8Array(floats.buffer) })
      assert.ok(Buffer.from(found.bytes).equals(Buffer.from(expected.bytes)), `${dtype} as ${format}`)
    }
  }
})

test.run()
