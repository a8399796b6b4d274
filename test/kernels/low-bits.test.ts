import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { UNPACKED_Q4M_BYTES } from '#molm/kernels/abi/formats.js'
import { MatmulArg } from '#molm/kernels/abi/products.js'
import { Matmul } from '#molm/kernels/calls/matmul.js'
import { allocatePanels, TransposedMatmul } from '#molm/kernels/calls/training/transposed-matmul.js'
import { Rows } from '#molm/kernels/memory/rows.js'
import { readWeight } from '#molm/kernels/memory/tile-floats.js'
import { tuples } from '../support/combinations.js'
import { sameBits } from '../support/compare.js'
import {
  bankOf,
  floatsOf,
  matrixRequest,
  oneGroup,
  packEverywhere,
  place,
  placeInputs,
  placeRows,
  TIERS,
} from '../support/kernel-bench.js'
import { normalFloats } from '../support/random.js'
import { unpackMatrix } from '../support/unpack-tiles.js'

const test = suite('formats of few bits')

/** The formats, and their mean squared error of normal weights, which may be a little higher by chance. */
const ERRORS = { q4: 0.0074, q4m: 0.00505, q3: 0.027, q2: 0.105 }
const FORMATS = Object.keys(ERRORS) as (keyof typeof ERRORS)[]

/** Packs and unpacks a matrix. */
function roundTrip(weights: Float32Array, rows: number, cols: number, format: keyof typeof ERRORS): Float32Array {
  return unpackMatrix(packEverywhere(matrixRequest(weights, rows, cols, format)).bytes, format, rows, cols)
}

function squaredError(found: Float32Array, weights: Float32Array): number {
  return found.reduce((sum, weight, i) => sum + (weight - weights[i]) ** 2, 0) / weights.length
}

for (const format of FORMATS) {
  test(`${format}: normal weights have the error of a least-squares scale`, () => {
    const weights = normalFloats(64 * 1024, 71)
    const error = squaredError(roundTrip(weights, 64, 1024, format), weights)
    assert.ok(error < ERRORS[format], `${error}`)
  })

  test(`${format}: a block that its levels can represent keeps every weight`, () => {
    const level = {
      q4: (n: number) => (n % 16) - 8,
      q4m: (n: number) => 3 * (n % 16) - 20,
      q3: (n: number) => (n % 8) - 4,
      q2: (n: number) => 4 * (n % 4) - 7,
    }
    for (const scale of [1, -1, 0.03125]) {
      const weights = Float32Array.from({ length: 8 * 32 }, (_, i) => scale * level[format](i + (i >> 5)))
      sameBits(roundTrip(weights, 8, 32, format), weights, `scale ${scale}`)
    }
  })

  test(`${format}: padding of a row does not count as weights`, () => {
    for (const cols of [1, 5, 33]) {
      const weights = normalFloats(9 * cols, 72).map((weight) => weight + 10)
      const found = roundTrip(weights, 9, cols, format)
      for (let r = 0; r < 9; r++) {
        const last = (r + 1) * cols - 1
        // The only weight of its block, or one of few near 10: half a step, and the 8 bits of a scale.
        const bound = cols === 5 ? 4 : Math.abs(weights[last]) / 128
        assert.ok(Math.abs(found[last] - weights[last]) < bound, `${found[last]} for ${weights[last]}`)
      }
    }
  })

  test(`${format}: a single weight is read as the kernels read it`, () => {
    const [rows, cols] = [19, 70]
    const { bytes } = packEverywhere(matrixRequest(normalFloats(rows * cols, 73), rows, cols, format))
    const unpacked = unpackMatrix(bytes, format, rows, cols)
    const read = unpacked.map((_, i) => readWeight(bytes, 0, format, cols, Math.floor(i / cols), i % cols))
    sameBits(read, unpacked, format)
  })

  test(`${format}: blocks of zeros, equal weights and the smallest and largest weights stay finite`, () => {
    for (const scale of [0, 1e-45, 1e-38, 1e-30, 1e30]) {
      for (const weights of [normalFloats(16 * 64, 74), new Float32Array(16 * 64).fill(1)]) {
        const scaled = weights.map((weight) => weight * scale)
        const found = roundTrip(scaled, 16, 64, format)
        assert.ok(found.every(Number.isFinite), `scale ${scale}`)
        if (scale === 0) assert.ok(found.every((weight) => weight === 0))
      }
    }
  })

  test(`${format}: a row that is not finite becomes finite and changes no other`, () => {
    const weights = normalFloats(8 * 32, 75)
    const expected = roundTrip(weights, 8, 32, format)
    weights[3 * 32 + 5] = Number.NaN
    weights[4 * 32 + 6] = Number.NEGATIVE_INFINITY
    const { bytes, nonFinite } = packEverywhere(matrixRequest(weights, 8, 32, format))
    assert.is(nonFinite, 2)
    const found = unpackMatrix(bytes, format, 8, 32)
    assert.ok(found.every(Number.isFinite))
    for (const row of [0, 1, 2, 5, 6, 7]) {
      sameBits(found.subarray(row * 32, row * 32 + 32), expected.subarray(row * 32, row * 32 + 32), `row ${row}`)
    }
  })

  test(`${format}: the largest weights and activations do not overflow`, () => {
    const [rows, cols, tokens] = [32, 128, 23]
    const [least, most] = { q4: [-8, 7], q4m: [-1, 14], q3: [-4, 3], q2: [-7, 5] }[format]
    for (const level of [least, most]) {
      // One weight of the other bound in each block gives its row a scale of 1.
      const weights = Float32Array.from({ length: rows * cols }, (_, i) =>
        i % 32 === 31 ? least + most - level : level,
      )
      const packed = packEverywhere(matrixRequest(weights, rows, cols, format)).bytes
      sameBits(unpackMatrix(packed, format, rows, cols), weights, format)
      for (const activation of [127, -127]) {
        const expected = (cols / 32) * (31 * level + (least + most - level)) * activation
        for (const tier of TIERS) {
          const bank = bankOf(tier)
          const input = placeInputs(bank, new Float32Array(tokens * cols).fill(activation), cols)
          const output = Rows.allocate(bank, tokens, rows, {})
          const table = oneGroup(bank, place(bank, packed), tokens)
          new Matmul(bank, { format, input, output }, 1).run(table, 1, tokens)
          for (const found of floatsOf(output)) assert.is(found, expected, tier)
        }
      }
    }
  })

  test(`${format}: the product with the transpose has the bits of the same weights in f32, and no padding`, () => {
    for (const [rows, cols, tokens] of tuples('24x64x5 19x70x4 1x1x1')) {
      const packed = packEverywhere(matrixRequest(normalFloats(rows * cols, 76), rows, cols, format)).bytes
      const floats = matrixRequest(unpackMatrix(packed, format, rows, cols), rows, cols, 'f32')
      const gradients = normalFloats(rows * tokens, 77)
      const expected = transposed('scalar', 'f32', packEverywhere(floats).bytes, rows, cols, gradients)
      for (const tier of TIERS) {
        const found = transposed(tier, format, packed, rows, cols, gradients)
        sameBits(found, expected, `${tier}, ${rows} x ${cols}`)
      }
    }
  })
}

/** Gradients of the inputs of a product, with padding. */
function transposed(
  tier: (typeof TIERS)[number],
  format: 'f32' | keyof typeof ERRORS,
  packed: Uint8Array,
  rows: number,
  cols: number,
  gradients: Float32Array,
): Float32Array {
  const bank = bankOf(tier)
  const input = placeRows(bank, gradients, rows)
  const output = Rows.allocate(bank, input.count, cols, {})
  const table = oneGroup(bank, place(bank, packed), input.count)
  new TransposedMatmul(bank, { format, input, output, panels: allocatePanels(bank, 1) }, 1).run(table, 1)
  return floatsOf(output)
}

test('a thread that unpacks q4 does not touch the room of a thread that unpacks q4m', () => {
  const [rows, cols, tokens] = [8, 64, 16]
  const bank = bankOf('relaxed')
  const input = placeInputs(bank, normalFloats(tokens * cols, 76), cols)
  const output = Rows.allocate(bank, tokens, rows, {})
  const { bytes } = packEverywhere(matrixRequest(normalFloats(rows * cols, 77), rows, cols, 'q4'))
  const matmul = new Matmul(bank, { format: 'q4', input, output }, 2)
  const table = oneGroup(bank, place(bank, bytes), tokens)
  matmul.run(table, 1, tokens)
  const room = bank.control.args[MatmulArg.unpacked]
  const ofFirst = () => bank.u8.slice(room, room + (cols / 32) * UNPACKED_Q4M_BYTES)
  const before = ofFirst()
  bank.u8.fill(1, room, room + before.length)
  bank.kernels.enter(1)
  matmul.run(table, 1, tokens)
  assert.not.equal(before, new Uint8Array(before.length), 'the first thread had unpacked there')
  assert.equal(ofFirst(), new Uint8Array(before.length).fill(1))
})

test.run()
