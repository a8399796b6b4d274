import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { decodeBlock } from '#molm/checkpoint/block-types.js'
import { type BlockType, blockOf, bytesOf } from '#molm/checkpoint/dtype.js'
import { readSpan } from '#molm/checkpoint/tensor.js'
import type { PieceKind, WeightFormat } from '#molm/packing/format/formats.js'
import type { PackRequest } from '#molm/packing/write/pack.js'
import { sameBits } from '../support/compare.js'
import { GGUF_FIXTURES, ggufFixtureTensors, sha256Of } from '../support/gguf-tensors.js'
import { bankOf, pack, TIERS } from '../support/kernel-bench.js'
import { BLOCK_TYPES, randomBlocks } from '../support/random-blocks.js'
import { unpackMatrix, unpackRows } from '../support/unpack-tiles.js'

const test = suite('packing of block types')

const banks = new Map(TIERS.map((tier) => [tier, bankOf(tier)]))

/** Packs on every tier, checks that all give the same bytes, and returns these. */
function packEverywhere(request: PackRequest): { bytes: Uint8Array; nonFinite: number } {
  const [first, ...others] = TIERS.map((tier) => pack(banks.get(tier) ?? bankOf(tier), request))
  for (const [i, { bytes, nonFinite }] of others.entries()) {
    assert.ok(Buffer.from(bytes).equals(first.bytes), `${TIERS[i + 1]} packs other bytes than ${TIERS[0]}`)
    assert.is(nonFinite, first.nonFinite)
  }
  return first
}

/** Rows of random blocks, and the packer's request for them. */
function requestOf(
  dtype: BlockType,
  rows: number,
  cols: number,
  kind: PieceKind,
  format: WeightFormat,
  half?: (block: number) => number,
): PackRequest {
  const bytes = randomBlocks(dtype, (rows * cols) / blockOf(dtype).elements, 7, half)
  return { bytes, dtype, firstElement: 0, rows, cols, rowStride: cols, colStride: 1, kind, format }
}

/** Weights of a request by the decoder in JavaScript. */
function weightsOf({ bytes, dtype, firstElement, rows, cols, rowStride }: PackRequest): Float32Array {
  const { elements } = blockOf(dtype)
  const out = new Float32Array(rows * cols)
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < cols; c += elements) {
      decodeBlock(dtype as BlockType, bytes, bytesOf(dtype, firstElement + r * rowStride + c), out, r * cols + c)
    }
  }
  return out
}

for (const folder of GGUF_FIXTURES) {
  test(`${folder}: every tensor has the values of llama.cpp`, async () => {
    for (const { tensor, sha256 } of ggufFixtureTensors(folder)) {
      const cols = tensor.shape.at(-1) ?? 1
      const rows = tensor.shape.reduce((product, n) => product * n, 1) / cols
      const source = { bytes: await readSpan(tensor), dtype: tensor.dtype, firstElement: 0, rows, cols }
      const request = { ...source, rowStride: cols, colStride: 1, format: 'f32' } as const
      // Vectors and tables are packed like `rows`.
      const [kind, unpack] =
        tensor.shape.length === 1 || tensor.name === 'token_embd.weight'
          ? (['rows', unpackRows] as const)
          : (['matrix', unpackMatrix] as const)
      const { bytes, nonFinite } = packEverywhere({ ...request, kind })
      assert.is(nonFinite, 0)
      assert.is(sha256Of(unpack(bytes, 'f32', rows, cols)), sha256, `${tensor.name}, ${tensor.dtype}`)
    }
  })
}

/** Blocks' elements of a type that keeps the request's shape. */
const widthOf = (dtype: BlockType, blocks: number) => blocks * Math.max(64, blockOf(dtype).elements)

for (const dtype of BLOCK_TYPES) {
  test(`${dtype}: blocks of any scale have the same bits as in JavaScript`, () => {
    for (const [rows, blocks] of [
      [8, 1],
      [1, 2],
      [19, 2],
      [40, 3],
    ]) {
      const cols = widthOf(dtype, blocks)
      const request = requestOf(dtype, rows, cols, 'matrix', 'f32')
      const weights = weightsOf(request)
      const packed = packEverywhere(request)
      sameBits(unpackMatrix(packed.bytes, 'f32', rows, cols), weights, 'matrix')
      assert.is(packed.nonFinite, 0)
      const table = packEverywhere({ ...request, kind: 'rows' })
      sameBits(unpackRows(table.bytes, 'f32', rows, cols), weights, 'table')
      assert.is(table.nonFinite, 0)
    }
  })
}

test.run()
