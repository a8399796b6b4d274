import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Matmul } from '#molm/kernels/calls/matmul.js'
import { type BlockType, blockOf, bytesOf } from '#molm/model/checkpoint/dtype.js'
import type { PieceKind, WeightFormat } from '#molm/model/packing/format/formats.js'
import type { PackRequest } from '#molm/model/packing/write/pack.js'
import { decodeBlock } from '../support/block-decoder.js'
import { tuples } from '../support/combinations.js'
import { sameBits } from '../support/compare.js'
import { halfToNumber } from '../support/element-values.js'
import {
  bankOf,
  emptyRows,
  floatsOf,
  oneGroup,
  pack,
  packEverywhere,
  place,
  placeInputs,
  TIERS,
} from '../support/kernel-bench.js'
import { type Mxfp4, mxfp4Request, randomMxfp4 } from '../support/mxfp4.js'
import { BLOCK_TYPES, randomBlocks } from '../support/random-blocks.js'
import { nearestBfloat16 } from '../support/reference-math.js'
import { unpackMatrix, unpackRows } from '../support/unpack-tiles.js'

const test = suite('packing of block types')

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

/** Blocks' elements of a type that keeps the request's shape. */
const widthOf = (dtype: BlockType, blocks: number) => blocks * Math.max(64, blockOf(dtype).elements)

for (const dtype of BLOCK_TYPES) {
  test(`${dtype}: blocks of any scale have the same bits as in JavaScript`, () => {
    for (const [rows, blocks] of tuples('8x1 1x2 19x2 40x3')) {
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

/** Weights of a request with each scale rounded to bfloat16, and with the quants as they are. */
function weightsWithRoundedScales(request: PackRequest): Float32Array {
  const { bytes, dtype, rows, cols } = request
  const size = blockOf(dtype).bytes
  const view = new DataView(bytes.buffer)
  // The quants of a block are its weights if the scale is 1.
  const ones = bytes.slice()
  for (let at = 0; at < ones.length; at += size) new DataView(ones.buffer).setUint16(at, 0x3c00, true)
  const quants = weightsOf({ ...request, bytes: ones })
  return Float32Array.from({ length: rows * cols }, (_, i) => {
    return nearestBfloat16(halfToNumber(view.getUint16(Math.floor(i / 32) * size, true))) * quants[i]
  })
}

/** Sign of 0 does not matter: a copied block of zeros has no sign. */
const withoutNegativeZero = (floats: Float32Array) => floats.map((x) => x + 0)

/** First byte of the quants of a block with a scale and a minimum. */
const QUANTS_AT = { Q4_1: 4, Q4_K: 16 }

/** Weights of a request with scales and minima rounded to bfloat16, and with the quants as they are. */
function weightsWithRoundedMinima(request: PackRequest, dtype: 'Q4_1' | 'Q4_K'): Float32Array {
  const { bytes: size } = blockOf(dtype)
  /** Weights after a change of each block. */
  const changed = (change: (block: Uint8Array) => void) => {
    const bytes = request.bytes.slice()
    for (let at = 0; at < bytes.length; at += size) change(bytes.subarray(at, at + size))
    return weightsOf({ ...request, bytes })
  }
  const minima = changed((block) => block.fill(0, QUANTS_AT[dtype]))
  const scales = changed((block) => block.fill(0, 2, 4).fill(0x11, QUANTS_AT[dtype]))
  const products = changed((block) => block.fill(0, 2, 4))
  return products.map((product, i) => {
    const quant = scales[i] === 0 ? 0 : product / scales[i]
    return nearestBfloat16(scales[i]) * quant + nearestBfloat16(minima[i])
  })
}

for (const dtype of ['Q4_1', 'Q4_K'] as const) {
  test(`${dtype} to q4m: every quant stays, and scale and minimum are rounded`, () => {
    for (const rows of [8, 3, 19]) {
      const cols = widthOf(dtype, 2)
      const request = requestOf(dtype, rows, cols, 'matrix', 'q4m')
      const expected = withoutNegativeZero(weightsWithRoundedMinima(request, dtype))
      const packed = packEverywhere(request)
      sameBits(withoutNegativeZero(unpackMatrix(packed.bytes, 'q4m', rows, cols)), expected, 'matrix')
      assert.is(packed.nonFinite, 0)
    }
  })

  test(`${dtype} to q4m: blocks that are not finite are counted and become zeros`, () => {
    const cols = widthOf(dtype, 1)
    const request = requestOf(dtype, 3, cols, 'matrix', 'q4m', (block) => (block === 1 ? 0x7e00 : 0x2c00))
    const { bytes, nonFinite } = packEverywhere(request)
    assert.is(nonFinite, blockOf(dtype).elements)
    const unpacked = unpackMatrix(bytes, 'q4m', 3, cols)
    const { elements } = blockOf(dtype)
    assert.ok(unpacked.subarray(elements, 2 * elements).every((weight) => weight === 0))
    assert.ok(unpacked.every(Number.isFinite))
  })
}

test('Q4_0 to q4m has the weights of Q4_0 to q4', () => {
  const [rows, cols] = [19, 96]
  const request = requestOf('Q4_0', rows, cols, 'matrix', 'q4')
  const expected = unpackMatrix(packEverywhere(request).bytes, 'q4', rows, cols)
  const found = unpackMatrix(packEverywhere({ ...request, format: 'q4m' }).bytes, 'q4m', rows, cols)
  sameBits(withoutNegativeZero(found), withoutNegativeZero(expected), 'q4m')
})

for (const format of ['q4m', 'q3', 'q2'] as const) {
  test(`${format}: blocks that are unpacked first give the bytes of their floats`, () => {
    for (const dtype of ['Q5_K', 'Q8_0'] as const) {
      const request = requestOf(dtype, 19, widthOf(dtype, 2), 'matrix', format, () => 0x2c00)
      const floats = packEverywhere(asFloats(request)).bytes
      assert.ok(Buffer.from(packEverywhere(request).bytes).equals(floats), dtype)
    }
  })
}

/** A packer's request for the weights of another one as float32. */
function asFloats(request: PackRequest): PackRequest {
  const weights = weightsOf(request)
  return { ...request, bytes: new Uint8Array(weights.buffer), dtype: 'F32', firstElement: 0, rowStride: request.cols }
}

/** Halves that a bfloat16 holds, of both signs, some of them subnormal. */
const EXACT_HALVES = [0x2c00, 0xae48, 0x1ff8, 0x8418, 0x0040, 0x803f, 0x0001, 0x7bf8]

for (const [dtype, format] of [
  ['Q4_0', 'q4'],
  ['Q5_0', 'q8'],
  ['Q8_0', 'q8'],
  ['IQ4_NL', 'q8'],
] as const) {
  test(`${dtype} to ${format}: every quant stays, and the scale is rounded`, () => {
    for (const [rows, cols] of tuples('8x32 1x64 19x96 70x64')) {
      const request = requestOf(dtype, rows, cols, 'matrix', format)
      const expected = withoutNegativeZero(weightsWithRoundedScales(request))
      const packed = packEverywhere(request)
      sameBits(withoutNegativeZero(unpackMatrix(packed.bytes, format, rows, cols)), expected, 'matrix')
      assert.is(packed.nonFinite, 0)
      if (format === 'q4') continue
      const table = packEverywhere({ ...request, kind: 'rows' }).bytes
      sameBits(withoutNegativeZero(unpackRows(table, format, rows, cols)), expected, 'table')
    }
  })
}

test('Q4_0 to q4 gives the bytes of the weights as floats if a bfloat16 holds the scale and -8 is a quant', () => {
  const [rows, cols] = [35, 128]
  const request = requestOf('Q4_0', rows, cols, 'matrix', 'q4', (block) => EXACT_HALVES[block % EXACT_HALVES.length])
  for (let at = 2; at < request.bytes.length; at += 18) request.bytes[at] &= 0xf0
  const floats = packEverywhere(asFloats(request)).bytes
  assert.ok(Buffer.from(packEverywhere(request).bytes).equals(floats))
})

test('Q8_0 to q8 gives the bytes of the weights as floats if a bfloat16 holds the scale and 127 is the largest quant', () => {
  const [rows, cols] = [35, 128]
  // llama.cpp writes positive scales only.
  const half = (block: number) => EXACT_HALVES[block % EXACT_HALVES.length] & 0x7fff
  const request = requestOf('Q8_0', rows, cols, 'matrix', 'q8', half)
  const quants = new Int8Array(request.bytes.buffer)
  for (let at = 2; at < quants.length; at += 34) {
    for (let i = 0; i < 32; i++) if (quants[at + i] === -128) quants[at + i] = -127
    quants[at + 5] = 127
  }
  for (const kind of ['matrix', 'rows'] as const) {
    const floats = packEverywhere(asFloats({ ...request, kind })).bytes
    assert.ok(Buffer.from(packEverywhere({ ...request, kind }).bytes).equals(floats), kind)
  }
})

for (const [dtype, format] of [
  ['Q4_0', 'q4'],
  ['Q8_0', 'q8'],
] as const) {
  test(`${dtype} to ${format}: blocks of zeros are packed as floats of 0, whatever their quants`, () => {
    const request = requestOf(dtype, 16, 64, 'matrix', format, (block) => (block % 2) * 0x8000)
    const zeros = { ...request, bytes: new Uint8Array(16 * 64 * 4), dtype: 'F32' } as const
    assert.ok(Buffer.from(packEverywhere(request).bytes).equals(packEverywhere(zeros).bytes))
  })

  test(`${dtype} to ${format}: blocks with a scale that is not finite are counted and become zeros`, () => {
    const [rows, cols] = [16, 64]
    const broken = [0x7c00, 0xfc00, 0x7e00, 0xffff]
    const request = requestOf(dtype, rows, cols, 'matrix', format, (b) => (b % 5 === 0 ? broken[(b / 5) % 4] : 0x2c00))
    const { bytes, nonFinite } = packEverywhere(request)
    assert.is(nonFinite, 7 * 32)
    const sound = requestOf(dtype, rows, cols, 'matrix', format, (b) => (b % 5 === 0 ? 0 : 0x2c00))
    assert.ok(Buffer.from(bytes).equals(packEverywhere(sound).bytes))
  })
}

for (const dtype of BLOCK_TYPES.filter((type) => type !== 'MXFP4')) {
  test(`${dtype}: weights that are not finite are counted as among floats`, () => {
    for (const kind of ['matrix', 'rows'] as const) {
      const width = blockOf(dtype).elements
      const request = requestOf(dtype, 9, width, kind, 'f32', (block) => (block === 4 ? 0x7c00 : 0x2c00))
      const expected = weightsOf(request).filter((weight) => !Number.isFinite(weight)).length
      assert.ok(expected > 0)
      assert.is(packEverywhere(request).nonFinite, expected)
    }
  })
}

test('products take the quant -128 of Q8_0, which no other packing makes', () => {
  const [rows, cols, tokens] = [16, 96, 5]
  const request = requestOf('Q8_0', rows, cols, 'matrix', 'q8', () => 0x3c00)
  for (let at = 0; at < request.bytes.length; at += 34) request.bytes.fill(0x80, at + 2, at + 34)
  const { bytes } = packEverywhere(request)
  assert.ok(unpackMatrix(bytes, 'q8', rows, cols).every((weight) => weight === -128))
  const inputs = new Float32Array(tokens * cols).fill(-127)
  for (const tier of TIERS) {
    const bank = bankOf(tier)
    const input = placeInputs(bank, inputs, cols)
    const output = emptyRows(bank, tokens, rows)
    const table = oneGroup(bank, place(bank, bytes), tokens)
    new Matmul(bank, { format: 'q8', input, output }, 1).run(table, 1, tokens)
    for (const [i, sum] of floatsOf(output).entries())
      if (i % output.stride < rows) assert.is(sum, 128 * 127 * cols, tier)
  }
})

test('MXFP4 to q8 keeps every weight', () => {
  const [rows, cols] = [19, 96]
  const request = requestOf('MXFP4', rows, cols, 'matrix', 'q8')
  const { bytes, nonFinite } = packEverywhere(request)
  assert.is(nonFinite, 0)
  sameBits(unpackMatrix(bytes, 'q8', rows, cols), weightsOf(request), 'q8')
})

/** The blocks of a GGUF file with the weights of two tensors of Hugging Face. */
function joined({ blocks, scales }: Mxfp4): Uint8Array {
  const bytes = new Uint8Array(17 * scales.length)
  for (const [block, scale] of scales.entries()) {
    bytes[17 * block] = scale
    const nibbles = Array.from({ length: 32 }, (_, i) => (blocks[16 * block + (i >> 1)] >> (4 * (i & 1))) & 15)
    for (let b = 0; b < 16; b++) bytes[17 * block + 1 + b] = nibbles[b] | (nibbles[b + 16] << 4)
  }
  return bytes
}

test('MXFP4 blocks give the bytes of the two tensors of the same weights', () => {
  for (const format of ['mxfp4', 'mxfp4_f32'] as const) {
    for (const [rows, cols] of tuples('8x32 38x96')) {
      const weights = randomMxfp4(rows, cols, 9, [0, 255])
      const pair = mxfp4Request(weights, rows, cols, format)
      const blocks: PackRequest = { ...pair, bytes: joined(weights), dtype: 'MXFP4', rowStride: cols }
      delete blocks.scales
      for (const alternating of [false, true]) {
        const expected = packEverywhere({ ...pair, alternating })
        const found = packEverywhere({ ...blocks, alternating })
        assert.ok(Buffer.from(found.bytes).equals(expected.bytes))
        assert.is(found.nonFinite, expected.nonFinite)
      }
    }
  }
})

test('blocks with gaps between rows, from any block on, and with alternating rows', () => {
  for (const [dtype, format] of [
    ['Q6_K', 'f32'],
    ['Q4_0', 'q4'],
    ['Q8_0', 'q8'],
    ['MXFP4', 'mxfp4'],
  ] as const) {
    const { elements } = blockOf(dtype)
    const whole = requestOf(dtype, 12, 5 * elements, 'matrix', format)
    const view = { ...whole, firstElement: 6 * elements, rows: 6, cols: 2 * elements, rowStride: 10 * elements }
    const size = blockOf(dtype).bytes
    const rowOf = (row: number) => whole.bytes.slice((6 + 10 * row) * size, (8 + 10 * row) * size)
    const copy = (rows: number[]) => {
      const bytes = new Uint8Array(Buffer.concat(rows.map(rowOf)))
      return { ...view, bytes, firstElement: 0, rows: rows.length, rowStride: 2 * elements }
    }
    const expected = packEverywhere(copy([0, 1, 2, 3, 4, 5])).bytes
    assert.ok(Buffer.from(packEverywhere(view).bytes).equals(expected), `${dtype}, gaps`)
    const alternating = packEverywhere({ ...view, alternating: true }).bytes
    const halves = [copy([0, 2, 4]), copy([1, 3, 5])].map((half) => packEverywhere(half).bytes)
    assert.is(alternating.length, 8 * halves[0].length)
    for (const [i, half] of halves.entries()) {
      const at = i * 4 * half.length
      assert.ok(Buffer.from(alternating.subarray(at, at + half.length)).equals(half), `${dtype}, half ${i}`)
    }
  }
})

test('blocks of other types than MXFP4 are not packed as MXFP4', () => {
  assert.throws(
    () => pack(bankOf('relaxed'), requestOf('Q4_0', 8, 32, 'matrix', 'mxfp4')),
    /weights of type Q4_0 cannot be packed in mxfp4/,
  )
})

test.run()
