import type { Bank } from './bank.js'
import { Matmul, recordBytes } from './kernels.js'

const COLUMNS = 64
const ROWS = 8
const TOKENS = 5
const BAND = (COLUMNS / 32) * 144

/**
 * Runs a 4-bit product whose answer is known and says whether these kernels compute it exactly: five rows of
 * activations, so that both the four-row and the one-row code run, with the largest magnitudes that occur.
 */
export function proveProduct(bank: Bank): boolean {
  const weights = bank.arena.allocate(BAND)
  const records = bank.arena.allocate(TOKENS * recordBytes(COLUMNS))
  const output = bank.arena.allocate(TOKENS * ROWS * 4)
  const table = bank.arena.allocate(16 + TOKENS * 8)
  const { u8, u32, f32 } = bank

  const nibble = (row: number, column: number) => (column % 5 === 0 ? 15 : (row * 7 + column * 3) % 16)
  const level = (token: number, column: number) => (column % 3 === 0 ? 127 : ((token * 31 + column * 17) % 255) - 127)

  const order = [0, 2, 4, 6, 1, 3, 5, 7]
  const i16 = new Int16Array(u8.buffer)
  const i32 = new Int32Array(u8.buffer)
  for (let token = 0; token < TOKENS; token++) {
    const record = records + token * recordBytes(COLUMNS)
    for (let c = 0; c < COLUMNS; c++) {
      u8[record + c] = level(token, c)
      i16[(record + COLUMNS) / 2 + c] = level(token, (c & ~7) + order[c & 7])
    }
    for (let block = 0; block < COLUMNS / 32; block++) {
      let sum = 0
      for (let c = 0; c < 32; c++) sum += level(token, block * 32 + c)
      f32[(record + 3 * COLUMNS) / 4 + block] = 1
      i32[(record + 3 * COLUMNS) / 4 + COLUMNS / 32 + block] = -8 * sum
    }
  }
  for (let tile = 0; tile < COLUMNS / 32; tile++) {
    const base = weights + tile * 144
    for (let row = 0; row < ROWS; row++) {
      u8[base + 2 * row] = 0x80 // bfloat16 1.0 is 0x3f80
      u8[base + 2 * row + 1] = 0x3f
      for (let group = 0; group < 4; group++) {
        for (let byte = 0; byte < 4; byte++) {
          const column = tile * 32 + group * 8 + byte
          u8[base + 16 + group * 32 + row * 4 + byte] = nibble(row, column) | (nibble(row, column + 4) << 4)
        }
      }
    }
  }
  u32.set([weights, 0, table + 16, TOKENS], table / 4)
  for (let token = 0; token < TOKENS; token++) u32.set([token, token], table / 4 + 4 + 2 * token)

  const shape = { format: 'q4', columns: COLUMNS, rows: ROWS, input: records, output, outputStride: ROWS } as const
  new Matmul(bank, shape, 1).run(table, 1, TOKENS)

  for (let token = 0; token < TOKENS; token++) {
    for (let row = 0; row < ROWS; row++) {
      let expected = 0
      for (let c = 0; c < COLUMNS; c++) expected += (nibble(row, c) - 8) * level(token, c)
      if (f32[output / 4 + token * ROWS + row] !== expected) return false
    }
  }
  return true
}
