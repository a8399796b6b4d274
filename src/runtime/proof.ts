import type { Bank } from './bank.js'
import { type Format, Matmul, recordBytes } from './kernels.js'

const COLUMNS = 64
const ROWS = 8
/** Five rows of activations, so that both the four-row and the one-row code run. */
const TOKENS = 5
const BLOCKS = COLUMNS / 32

/** How a matrix of levels is stored in the tiles of a format (docs/FORMAT.md), with scales of 1. */
interface Proof {
  format: Format
  level(row: number, column: number): number
  store(bank: Bank, tile: number, row: number, column: number, level: number): void
  tileBytes: number
}

/** bfloat16 1.0 */
const ONE = [0x80, 0x3f]

const PROOFS: Proof[] = [
  {
    format: 'q4',
    tileBytes: 144,
    level: (row, column) => (column % 5 === 0 ? 15 : (row * 7 + column * 3) % 16) - 8,
    store: ({ u8 }, tile, row, column, level) => {
      u8[tile + 16 + (column >> 3) * 32 + row * 4 + (column & 3)] |= (level + 8) << (column & 4)
    },
  },
  {
    format: 'q8',
    tileBytes: 272,
    level: (row, column) => (column % 5 === 0 ? -127 : ((row * 37 + column * 11) % 255) - 127),
    store: ({ u8 }, tile, row, column, level) => {
      const pair = (column >> 3) * 4 + (column & 1) * 2 + ((column & 7) >> 2)
      u8[tile + 16 + pair * 16 + row * 2 + ((column >> 1) & 1)] = level
    },
  },
  {
    format: 'f32',
    tileBytes: 1024,
    level: (row, column) => ((row * 37 + column * 11) % 255) - 127,
    store: ({ f32 }, tile, row, column, level) => {
      f32[tile / 4 + column * 8 + row] = level
    },
  },
]

/** Activation of a token: whole numbers, the largest that occur among them. */
function activation(token: number, column: number): number {
  return column % 3 === 0 ? 127 : ((token * 31 + column * 17) % 255) - 127
}

/**
 * Runs products whose answers are known, in every format, and says whether these kernels compute them exactly. All
 * numbers are whole, so that there is one right answer.
 */
export function proveProducts(bank: Bank): boolean {
  return PROOFS.every((proof) => proveProduct(bank, proof))
}

function proveProduct(bank: Bank, { format, tileBytes, level, store }: Proof): boolean {
  const weights = bank.arena.allocate(BLOCKS * tileBytes)
  const stride = format === 'f32' ? COLUMNS * 4 : recordBytes(COLUMNS)
  const input = bank.arena.allocate(TOKENS * stride)
  const output = bank.arena.allocate(TOKENS * ROWS * 4)
  const table = bank.arena.allocate(16 + TOKENS * 8)
  const { u8, u32, f32 } = bank

  for (let block = 0; block < BLOCKS; block++) {
    const tile = weights + block * tileBytes
    if (format !== 'f32') for (let row = 0; row < ROWS; row++) u8.set(ONE, tile + 2 * row)
    for (let row = 0; row < ROWS; row++) {
      for (let c = 0; c < 32; c++) store(bank, tile, row, c, level(row, block * 32 + c))
    }
  }
  for (let token = 0; token < TOKENS; token++) {
    if (format === 'f32') for (let c = 0; c < COLUMNS; c++) f32[input / 4 + token * COLUMNS + c] = activation(token, c)
    else writeRecord(bank, input + token * stride, token)
  }
  u32.set([weights, 0, table + 16, TOKENS], table / 4)
  for (let token = 0; token < TOKENS; token++) u32.set([token, token], table / 4 + 4 + 2 * token)

  const shape = { format, columns: COLUMNS, rows: ROWS, input, output, outputStride: ROWS }
  new Matmul(bank, shape, 1).run(table, 1, TOKENS)

  for (let token = 0; token < TOKENS; token++) {
    for (let row = 0; row < ROWS; row++) {
      let expected = 0
      for (let c = 0; c < COLUMNS; c++) expected += level(row, c) * activation(token, c)
      if (f32[output / 4 + token * ROWS + row] !== expected) return false
    }
  }
  return true
}

/** A quantised activation row with scales of 1 (assembly/quantize.ts). */
function writeRecord({ u8, f32 }: Bank, record: number, token: number): void {
  const order = [0, 2, 4, 6, 1, 3, 5, 7]
  const i16 = new Int16Array(u8.buffer)
  const i32 = new Int32Array(u8.buffer)
  for (let c = 0; c < COLUMNS; c++) {
    u8[record + c] = activation(token, c)
    i16[(record + COLUMNS) / 2 + c] = activation(token, (c & ~7) + order[c & 7])
  }
  for (let block = 0; block < BLOCKS; block++) {
    let sum = 0
    for (let c = 0; c < 32; c++) sum += activation(token, block * 32 + c)
    f32[(record + 3 * COLUMNS) / 4 + block] = 1
    i32[(record + 3 * COLUMNS) / 4 + BLOCKS + block] = -8 * sum
  }
}
