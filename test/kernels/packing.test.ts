import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Pool } from '#molm/kernels/threads/pool.js'
import { bytesOf, type DType, type ElementType } from '#molm/model/checkpoint/dtype.js'
import type { PieceKind, WeightFormat } from '#molm/model/packing/format/formats.js'
import type { PackRequest } from '#molm/model/packing/write/pack.js'
import { tuples } from '../support/combinations.js'
import { sameBits } from '../support/compare.js'
import { elementReader } from '../support/element-values.js'
import { bankOf, matrixRequest, pack, packEverywhere } from '../support/kernel-bench.js'
import { integers, normalFloats } from '../support/random.js'
import { unpackMatrix, unpackRows } from '../support/unpack-tiles.js'

const test = suite('packing')

type SourceType = 'F32' | 'F16' | 'BF16' | 'F64'

/** Layouts of a matrix in its checkpoint: strides for `rows` rows and `cols` columns. */
const PLACES: Record<string, (rows: number, cols: number) => Pick<PackRequest, 'rowStride' | 'colStride'>> = {
  'row after row': (_, cols) => ({ rowStride: cols, colStride: 1 }),
  transposed: (rows) => ({ rowStride: 1, colStride: rows }),
  'with gaps': (_, cols) => ({ rowStride: 3 * cols + 1, colStride: 3 }),
  'one row repeated': () => ({ rowStride: 0, colStride: 1 }),
  'one column repeated': () => ({ rowStride: 1, colStride: 0 }),
}

const SHAPES = tuples('8x32 1x1 19x70 40x96')

/** Random numbers of a dtype, as a checkpoint stores them. */
function stored(dtype: SourceType, count: number, seed: number): Uint8Array {
  const values = normalFloats(count, seed)
  if (dtype === 'F32') return new Uint8Array(values.buffer)
  if (dtype === 'F64') return new Uint8Array(Float64Array.from(values, (v) => v * (1 + 1e-12)).buffer)
  // Any 16 bits are a number in both types, except exponents of all ones, which mean NaN and infinity.
  const bits = integers(count, seed, 65536).map((b) => (dtype === 'F16' ? b & ~0x4000 : (b & 0x83ff) | 0x3c00))
  return new Uint8Array(Uint16Array.from(bits).buffer)
}

function requestOf(
  dtype: SourceType,
  place: string,
  [rows, cols]: number[],
  kind: PieceKind,
  format: WeightFormat,
  firstElement = 5,
): PackRequest {
  const { rowStride, colStride } = PLACES[place](rows, cols)
  const elements = firstElement + (rows - 1) * rowStride + (cols - 1) * colStride + 1
  const bytes = stored(dtype, elements, 51)
  return { bytes, dtype: dtype as DType, firstElement, rows, cols, rowStride, colStride, kind, format }
}

/** Weights of a request, row-major, rounded to float32 as in the kernels. */
function weightsOf({ bytes, dtype, firstElement, rows, cols, rowStride, colStride }: PackRequest): Float32Array {
  const element = elementReader(dtype as ElementType, bytes)
  return Float32Array.from({ length: rows * cols }, (_, i) => {
    const index = firstElement + Math.floor(i / cols) * rowStride + (i % cols) * colStride
    return element(bytesOf(dtype, index))
  })
}

/** Calls `visit` for each block of 32 columns in a row, whose weights share a scale. */
function forBlocks(rows: number, cols: number, visit: (indices: number[]) => void): void {
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < cols; c += 32) {
      visit(Array.from({ length: Math.min(32, cols - c) }, (_, i) => r * cols + c + i))
    }
  }
}

for (const dtype of ['F32', 'F16', 'BF16', 'F64'] as const) {
  test(`${dtype}: f32 keeps every weight, and 8 and 4 bits are close, in any place and shape`, () => {
    for (const place of Object.keys(PLACES)) {
      for (const shape of SHAPES) {
        const [rows, cols] = shape
        const exact = requestOf(dtype, place, shape, 'matrix', 'f32')
        const weights = weightsOf(exact)
        sameBits(unpackMatrix(packEverywhere(exact).bytes, 'f32', rows, cols), weights, `${place}: f32`)
        checkQ8(unpackMatrix(packEverywhere({ ...exact, format: 'q8' }).bytes, 'q8', rows, cols), weights, rows, cols)
        checkQ4(unpackMatrix(packEverywhere({ ...exact, format: 'q4' }).bytes, 'q4', rows, cols), weights, rows, cols)
      }
    }
    for (const shape of SHAPES) {
      const [rows, cols] = shape
      const exact = requestOf(dtype, 'row after row', shape, 'rows', 'f32')
      const weights = weightsOf(exact)
      sameBits(unpackRows(packEverywhere(exact).bytes, 'f32', rows, cols), weights, 'rows in f32')
      checkQ8(unpackRows(packEverywhere({ ...exact, format: 'q8' }).bytes, 'q8', rows, cols), weights, rows, cols)
    }
  })
}

/** Checks the error's bound: half a level, or the largest weight's loss if its scale is rounded down to 8 bits. */
function checkQ8(packed: Float32Array, weights: Float32Array, rows: number, cols: number): void {
  forBlocks(rows, cols, (indices) => {
    const most = Math.max(...indices.map((i) => Math.abs(weights[i])))
    for (const i of indices) {
      const error = Math.abs(packed[i] - weights[i])
      assert.ok(error <= (most / 127) * 0.51 + (most * 2 ** -8) / 2, `${packed[i]} for ${weights[i]}`)
    }
  })
}

/** Checks the squared error's bound: the error with the scale that maps the block's largest magnitude to level -8. */
function checkQ4(packed: Float32Array, weights: Float32Array, rows: number, cols: number): void {
  let found = 0
  let plain = 0
  forBlocks(rows, cols, (indices) => {
    const largest = indices.reduce((best, i) => (Math.abs(weights[i]) > Math.abs(weights[best]) ? i : best), indices[0])
    const scale = weights[largest] / -8
    for (const i of indices) {
      const level = scale === 0 ? 0 : Math.max(-8, Math.min(7, Math.round(weights[i] / scale)))
      plain += (scale * level - weights[i]) ** 2
      found += (packed[i] - weights[i]) ** 2
    }
  })
  const power = weights.reduce((sum, w) => sum + w * w, 0)
  // The scale has 8 bits, which matters in a block with a single weight.
  assert.ok(found <= plain + power * 2 ** -16, `squared error ${found}, against ${plain}`)
}

/** Writes a NaN and both infinities into the bytes of a dtype. */
const DAMAGE: Record<SourceType, (bytes: Uint8Array) => void> = {
  F32: (bytes) =>
    new Float32Array(bytes.buffer).set([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY], 40),
  F64: (bytes) =>
    new Float64Array(bytes.buffer).set([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY], 40),
  F16: (bytes) => new Uint16Array(bytes.buffer).set([0x7e00, 0x7c00, 0xfc00], 40),
  BF16: (bytes) => new Uint16Array(bytes.buffer).set([0x7fc0, 0x7f80, 0xff80], 40),
}

test('non-finite weights are counted, in every dtype and layout', () => {
  for (const [dtype, damage] of Object.entries(DAMAGE) as [SourceType, (bytes: Uint8Array) => void][]) {
    for (const place of ['row after row', 'transposed']) {
      for (const kind of ['matrix', 'rows'] as const) {
        const request = requestOf(dtype, place, [40, 96], kind, 'f32', 0)
        assert.is(packEverywhere(request).nonFinite, 0)
        damage(request.bytes)
        assert.is(packEverywhere(request).nonFinite, 3, `${dtype}, ${place}, ${kind}`)
      }
    }
  }
})

test('q8: blocks of zeros and of the smallest weights stay finite', () => {
  for (const scale of [0, 1e-45, 1e-38, 1e-30, 1e30]) {
    const weights = normalFloats(16 * 64, 53).map((w) => w * scale)
    const { bytes, nonFinite } = packEverywhere(matrixRequest(weights, 16, 64, 'q8'))
    assert.is(nonFinite, 0)
    const unpacked = unpackMatrix(bytes, 'q8', 16, 64)
    assert.ok(unpacked.every(Number.isFinite), `scale ${scale}`)
    if (scale === 0) assert.ok(unpacked.every((w) => w === 0))
  }
})

test('q4: a row too small for a scale, or not finite, becomes zero', () => {
  const weights = normalFloats(8 * 32, 54)
  weights.fill(9e-37, 0, 32)
  weights[3 * 32 + 5] = Number.NaN
  weights[4 * 32 + 6] = Number.NEGATIVE_INFINITY
  const unpacked = unpackMatrix(packEverywhere(matrixRequest(weights, 8, 32, 'q4')).bytes, 'q4', 8, 32)
  for (const row of [0, 3, 4]) assert.ok(unpacked.subarray(row * 32, row * 32 + 32).every((w) => w === 0))
  assert.ok(unpacked.subarray(32, 64).some((w) => w !== 0))
})

test('several threads give the same packed bytes as one', async () => {
  const request = requestOf('BF16', 'transposed', [520, 384], 'matrix', 'q4')
  const expected = pack(bankOf('relaxed'), request).bytes
  for (const threads of [2, 3]) {
    const bank = bankOf('relaxed')
    const pool = new Pool([bank], threads)
    try {
      const end = performance.now() + 200
      while (performance.now() < end) {
        const found = pack(bank, request)
        assert.ok(Buffer.from(found.bytes).equals(expected))
      }
    } finally {
      await pool.close()
    }
  }
})

test.run()
