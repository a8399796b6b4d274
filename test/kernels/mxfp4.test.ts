import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Matmul } from '#molm/kernels/calls/matmul.js'
import type { Bank } from '#molm/kernels/memory/bank.js'
import { readWeight } from '#molm/kernels/memory/tile-floats.js'
import type { WeightFormat } from '#molm/model/packing/format/formats.js'
import { packedRows } from '#molm/model/packing/write/pack.js'
import { tuples } from '../support/combinations.js'
import { sameBits } from '../support/compare.js'
import {
  bankOf,
  emptyRows,
  floatsOf,
  matrixRequest,
  oneGroup,
  pack,
  packEverywhere,
  place,
  placeInputs,
  placeRows,
  TIERS,
} from '../support/kernel-bench.js'
import { type Mxfp4, mxfp4Request, mxfp4Values, randomMxfp4 } from '../support/mxfp4.js'
import { normalFloats } from '../support/random.js'
import { unpackMatrix } from '../support/unpack-tiles.js'

const test = suite('MXFP4')

for (const [rows, cols] of tuples('8x32 19x96 64x2880')) {
  test(`packing ${rows} x ${cols} keeps every weight, whatever its scale`, () => {
    const weights = randomMxfp4(rows, cols, 61, [0, 252])
    const { bytes, nonFinite } = packEverywhere(mxfp4Request(weights, rows, cols))
    assert.is(nonFinite, 0)
    const expected = Float32Array.from(mxfp4Values(weights))
    sameBits(unpackMatrix(bytes, 'mxfp4', rows, cols), expected, 'unpacked')
    for (const format of ['mxfp4', 'mxfp4_f32'] as const) {
      const read = expected.map((_, i) => readWeight(bytes, 0, format, cols, Math.floor(i / cols), i % cols))
      sameBits(read, expected, format)
    }
  })
}

test('a scale of 255 is NaN, and a weight beyond the largest float is infinite; both are counted', () => {
  const weights = randomMxfp4(4, 32, 62)
  weights.scales.set([255, 254, 253, 252])
  const expected = Float32Array.from(mxfp4Values(weights))
  const { bytes, nonFinite } = packEverywhere(mxfp4Request(weights, 4, 32))
  const unpacked = unpackMatrix(bytes, 'mxfp4', 4, 32)
  for (const [i, weight] of unpacked.entries())
    assert.ok(Object.is(weight, expected[i]), `${weight} for ${expected[i]}`)
  assert.ok(unpacked.subarray(0, 32).every(Number.isNaN))
  assert.ok(unpacked.subarray(32, 96).some((weight) => Math.abs(weight) === Infinity))
  assert.is(nonFinite, unpacked.filter((weight) => !Number.isFinite(weight)).length)
})

test('alternating rows become blocks of 32 even and 32 odd ones, each half padded', () => {
  for (const half of [1, 32, 40]) {
    const [rows, cols] = [2 * half, 64]
    const weights = randomMxfp4(rows, cols, 63)
    const request = { ...mxfp4Request(weights, rows, cols), alternating: true }
    const found = packedRows(request)
    const unpacked = unpackMatrix(packEverywhere(request).bytes, 'mxfp4', found, cols)
    const floats = matrixRequest(Float32Array.from(mxfp4Values(weights)), rows, cols, 'f32')
    const asFloats = unpackMatrix(packEverywhere({ ...floats, alternating: true }).bytes, 'f32', found, cols)
    const values = mxfp4Values(weights)
    const expected = Float32Array.from({ length: found * cols }, (_, i) => {
      const [row, col] = [Math.floor(i / cols), i % cols]
      const channel = Math.floor(row / 64) * 32 + (row % 32)
      return channel < half ? values[(2 * channel + (Math.floor(row / 32) % 2)) * cols + col] : 0
    })
    sameBits(unpacked, expected, `${half} of each`)
    sameBits(asFloats, expected, `${half} of each as floats`)
  }
})

/** Output of a product with one matrix and bias, all rows of activations in one list. */
function product(
  bank: Bank,
  format: WeightFormat,
  packed: Uint8Array,
  rows: number,
  inputs: Float32Array,
  cols: number,
) {
  const input = placeInputs(bank, inputs, cols)
  const { count } = input
  const output = emptyRows(bank, count, rows)
  const table = oneGroup(bank, place(bank, packed), count, placeRows(bank, normalFloats(rows, 64), rows).address)
  return (threads: number, activation: 'identity' | 'silu' = 'identity') => {
    new Matmul(bank, { format, input, output, activation }, threads).run(table, 1, count)
    return floatsOf(output)
  }
}

for (const tokens of [1, 2, 3, 4, 5, 16, 19]) {
  test(`with float activations, ${tokens} rows have the bits of the same weights in f32`, () => {
    const [rows, cols] = [72, 160]
    const weights = randomMxfp4(rows, cols, 65, [0, 200])
    const floats = Float32Array.from(mxfp4Values(weights))
    const inputs = normalFloats(tokens * cols, 66)
    for (const tier of TIERS) {
      const f32 = pack(bankOf(tier), matrixRequest(floats, rows, cols, 'f32')).bytes
      const packed = pack(bankOf(tier), mxfp4Request(weights, rows, cols, 'mxfp4_f32')).bytes
      const expected = product(bankOf(tier), 'f32', f32, rows, inputs, cols)
      const found = product(bankOf(tier), 'mxfp4_f32', packed, rows, inputs, cols)
      for (const threads of [1, 2, 5]) {
        sameBits(found(threads, 'silu'), expected(threads, 'silu'), `${tier}, divided for ${threads} threads`)
      }
    }
  })
}

test('the largest weights and activations do not overflow', () => {
  const [rows, cols, tokens] = [32, 128, 23]
  for (const nibble of [7, 15]) {
    const weights: Mxfp4 = {
      blocks: new Uint8Array((rows * cols) / 2).fill(nibble * 17),
      scales: new Uint8Array((rows * cols) / 32).fill(127),
    }
    const packed = pack(bankOf('scalar'), mxfp4Request(weights, rows, cols)).bytes
    for (const sign of [1, -1]) {
      const inputs = new Float32Array(tokens * cols).fill(127 * sign)
      for (const tier of TIERS) {
        const outputs = product(bankOf(tier), 'mxfp4', packed, rows, inputs, cols)(1)
        const bias = normalFloats(rows, 64)
        const expected = Math.fround((nibble === 7 ? 6 : -6) * 127 * sign * cols)
        for (const [i, output] of outputs.entries()) assert.is(output, Math.fround(expected + bias[i % rows]), tier)
      }
    }
  }
})

test.run()
