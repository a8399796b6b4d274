import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Packer } from '#molm/engine/run/packer.js'
import { Pool } from '#molm/kernels/threads/pool.js'
import type { PackRequest } from '#molm/model/packing/write/pack.js'
import { tuples } from '../support/combinations.js'
import { bankOf, matrixRequest, TIERS } from '../support/kernel-bench.js'
import { normalFloats } from '../support/random.js'
import { unpackMatrix } from '../support/unpack-tiles.js'

const test = suite('packing for given inputs')

/** Inputs whose neighbouring columns resemble each other, some large and some small. */
function correlatedInputs(count: number, columns: number, seed: number): Float32Array {
  const noise = normalFloats(count * (columns + 8), seed)
  return Float32Array.from({ length: count * columns }, (_, i) => {
    const [row, column] = [Math.floor(i / columns), i % columns]
    let sum = 0
    for (let k = 0; k < 8; k++) sum += noise[row * (columns + 8) + column + k]
    return sum * (column % 5 === 0 ? 3 : 0.5)
  })
}

type Format = 'q4' | 'q3'

function requestOf(rows: number, columns: number, inputs?: Float32Array, format: Format = 'q4'): PackRequest {
  const request = matrixRequest(normalFloats(rows * columns, 7), rows, columns, format)
  if (!inputs) return request
  return { ...request, inputs: { of: `part/${rows}x${columns}`, rows: inputs } }
}

/** Squared error of a packed matrix's products with the inputs. */
function errorOf(
  packed: Uint8Array,
  rows: number,
  columns: number,
  inputs: Float32Array,
  format: Format = 'q4',
): number {
  const weights = normalFloats(rows * columns, 7)
  const unpacked = unpackMatrix(packed, format, rows, columns)
  let error = 0
  for (let t = 0; t < inputs.length; t += columns) {
    for (let r = 0; r < rows; r++) {
      let difference = 0
      for (let c = 0; c < columns; c++) {
        difference += (weights[r * columns + c] - unpacked[r * columns + c]) * inputs[t + c]
      }
      error += difference * difference
    }
  }
  return error
}

for (const [rows, columns, count] of tuples('40x96x300 19x70x5 8x600x700')) {
  test(`all tiers pack ${rows} x ${columns} for ${count} inputs to the same bits`, () => {
    const inputs = correlatedInputs(count, columns, 3)
    for (const format of ['q4', 'q3'] as const) {
      const request = () => requestOf(rows, columns, inputs, format)
      const packed = TIERS.map((tier) => new Packer(bankOf(tier)).pack(request()).bytes)
      for (const other of packed.slice(1)) assert.ok(Buffer.compare(other, packed[0]) === 0, format)
    }
  })
}

test('products with the inputs lose less than half of their error', () => {
  for (const [rows, columns, count] of tuples('40x96x300 8x600x700')) {
    const inputs = correlatedInputs(count, columns, 3)
    const packer = new Packer(bankOf(TIERS[0]))
    for (const format of ['q4', 'q3'] as const) {
      const lost = (request: PackRequest) => errorOf(packer.pack(request).bytes, rows, columns, inputs, format)
      const before = lost(requestOf(rows, columns, undefined, format))
      const after = lost(requestOf(rows, columns, inputs, format))
      assert.ok(after < 0.5 * before, `${format} ${rows} x ${columns}: ${after} of ${before}`)
    }
  }
})

test('a few inputs leave products with other inputs about as exact as before', () => {
  const [rows, columns] = [40, 96]
  const others = correlatedInputs(500, columns, 4)
  const packer = new Packer(bankOf(TIERS[0]))
  const before = errorOf(packer.pack(requestOf(rows, columns)).bytes, rows, columns, others)
  const few = correlatedInputs(3, columns, 5)
  const after = errorOf(packer.pack(requestOf(rows, columns, few)).bytes, rows, columns, others)
  assert.ok(after < 1.15 * before, `${after} of ${before}`)
})

test('inputs of zeros and rows of zeros pack to finite weights', () => {
  const [rows, columns] = [16, 64]
  const packer = new Packer(bankOf(TIERS[0]))
  const zeros = { of: 'zeros', rows: new Float32Array(columns * 4) }
  const { bytes } = packer.pack({ ...requestOf(rows, columns), inputs: zeros })
  assert.ok(unpackMatrix(bytes, 'q4', rows, columns).every(Number.isFinite))
  const empty = matrixRequest(new Float32Array(rows * columns), rows, columns, 'q4')
  const inputs = { of: 'some', rows: correlatedInputs(9, columns, 3) }
  const packed = packer.pack({ ...empty, inputs }).bytes
  assert.ok(unpackMatrix(packed, 'q4', rows, columns).every((weight) => weight === 0))
})

test('the number of threads changes no bit', async () => {
  const inputs = correlatedInputs(200, 96, 3)
  const alone = new Packer(bankOf(TIERS[0])).pack(requestOf(200, 96, inputs)).bytes
  const bank = bankOf(TIERS[0])
  const pool = new Pool([bank], 3)
  try {
    for (let round = 0; round < 5; round++) {
      const { bytes } = new Packer(bank, 3).pack(requestOf(200, 96, inputs))
      assert.ok(Buffer.compare(bytes, alone) === 0)
    }
  } finally {
    await pool.close()
  }
})

test.run()
