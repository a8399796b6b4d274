import { TILE_COLUMNS, TILE_ROWS, TileBytes } from '../abi/formats.js'
import { allocateGroups, allocateList, listFrom, writeGroup, writeListEntry } from '../calls/groups.js'
import { Matmul } from '../calls/matmul.js'
import type { Bank } from '../memory/bank.js'
import { recordBytes, type WeightFormat } from '../memory/formats.js'
import { Rows } from '../memory/rows.js'
import { DOUBLED } from '../memory/tile-floats.js'

const COLUMNS = 2 * TILE_COLUMNS
const ROWS = TILE_ROWS
/** Rows of activations of each matrix: they cover the code for many, four, two rows and one, if a format has it. */
const LISTS = [16, 7]
/** Rows if several are multiplied with widened weights, by the code of q4. */
const WIDENED_LISTS = [4, 1]
const BLOCKS = COLUMNS / TILE_COLUMNS

/** Storage of a matrix of levels in the tiles of a format (docs/FORMAT.md), with scales and minima of 1. */
interface Proof {
  format: WeightFormat
  /** Default: LISTS. */
  lists?: number[]
  level(row: number, column: number): number
  store(bank: Bank, tile: number, row: number, column: number, level: number): void
}

/** bfloat16 1.0 */
const ONE = [0x80, 0x3f]

/** Stores the codes of levels in four bits each, after `head` bytes of scales. */
function inNibbles(head: number, codeOf: (level: number) => number): Proof['store'] {
  return ({ u8 }, tile, row, column, level) => {
    u8[tile + head + (column >> 3) * 32 + row * 4 + (column & 3)] |= codeOf(level) << (column & 4)
  }
}

const PROOFS: Proof[] = [
  {
    format: 'q4',
    level: (row, column) => (column % 5 === 0 ? 15 : (row * 7 + column * 3) % 16) - 8,
    store: inNibbles(16, (level) => level + 8),
  },
  {
    format: 'q8',
    level: (row, column) => (column % 5 === 0 ? -127 : ((row * 37 + column * 11) % 255) - 127),
    store: ({ u8 }, tile, row, column, level) => {
      const pair = (column >> 3) * 4 + (column & 1) * 2 + ((column & 7) >> 2)
      u8[tile + 16 + pair * 16 + row * 2 + ((column >> 1) & 1)] = level
    },
  },
  {
    format: 'mxfp4',
    level: (row, column) => DOUBLED[column % 5 === 0 ? 7 : (row * 7 + column * 3) % 16],
    store: inNibbles(16, (level) => DOUBLED.indexOf(level)),
  },
  {
    format: 'q4m',
    level: (row, column) => (column % 5 === 0 ? 15 : (row * 7 + column * 3) % 16) + 1,
    store: inNibbles(32, (level) => level - 1),
  },
  {
    format: 'q3',
    lists: WIDENED_LISTS,
    level: (row, column) => (column % 5 === 0 ? 7 : (row * 7 + column * 3) % 8) - 4,
    store: ({ u8 }, tile, row, column, level) => {
      const quad = column >> 2
      const at = tile + 16 + row * 4 + (column & 3)
      const n = level + 4
      if (quad < 6) u8[at + (quad >> 1) * 32] |= n << ((quad & 1) * 3)
      else {
        u8[quad === 6 ? at : at + 64] |= (n & 3) << 6
        u8[at + 32] |= (n >> 2) << quad
      }
    },
  },
  {
    format: 'q2',
    lists: WIDENED_LISTS,
    level: (row, column) => 4 * (column % 5 === 0 ? 3 : (row * 7 + column * 3) % 4) - 7,
    store: ({ u8 }, tile, row, column, level) => {
      u8[tile + 16 + (column >> 4) * 32 + row * 4 + (column & 3)] |= ((level + 7) >> 2) << (((column >> 2) & 3) * 2)
    },
  },
  {
    format: 'f32',
    level: (row, column) => ((row * 37 + column * 11) % 255) - 127,
    store: ({ f32 }, tile, row, column, level) => {
      f32[tile / 4 + column * TILE_ROWS + row] = level
    },
  },
]

/** Activation of a token: a whole number; the largest possible ones occur. */
function activation(token: number, column: number): number {
  return column % 3 === 0 ? 127 : ((token * 31 + column * 17) % 255) - 127
}

/**
 * Runs products with known results in every format. Returns whether these kernels compute them exactly: all numbers are
 * whole, so there is one correct result. Takes some 70 KB of the memory.
 */
export function proveProducts(bank: Bank): boolean {
  return PROOFS.every((proof) => proveProduct(bank, proof))
}

function proveProduct(bank: Bank, { format, lists = LISTS, level, store }: Proof): boolean {
  const tokens = lists.reduce((sum, rows) => sum + rows)
  const weights = bank.arena.allocate(BLOCKS * TileBytes[format])
  const input = Rows.allocate(bank, tokens, COLUMNS, { records: true })
  const output = new Rows(bank, bank.arena.allocate(tokens * ROWS * 4), tokens, ROWS, ROWS)
  const table = allocateGroups(bank, lists.length)
  const list = allocateList(bank, tokens)
  const { u8 } = bank

  for (let block = 0; block < BLOCKS; block++) {
    const tile = weights + block * TileBytes[format]
    // Scales, and minima if the format has them.
    const ones = format === 'f32' ? 0 : format === 'q4m' ? 2 * ROWS : ROWS
    for (let i = 0; i < ones; i++) u8.set(ONE, tile + 2 * i)
    for (let row = 0; row < ROWS; row++) {
      for (let c = 0; c < TILE_COLUMNS; c++) store(bank, tile, row, c, level(row, block * TILE_COLUMNS + c))
    }
  }
  for (let token = 0; token < tokens; token++) {
    const row = input.row(token)
    for (let c = 0; c < COLUMNS; c++) row[c] = activation(token, c)
    writeRecord(bank, input.records + token * recordBytes(COLUMNS), token)
    writeListEntry(bank, list, token, token, token)
  }
  let first = 0
  for (const [group, rows] of lists.entries()) {
    writeGroup(bank, table, group, weights, 0, listFrom(list, first), rows)
    first += rows
  }
  new Matmul(bank, { format, input, output }, 1).run(table, lists.length, tokens)

  for (let token = 0; token < tokens; token++) {
    for (let row = 0; row < ROWS; row++) {
      let expected = 0
      for (let c = 0; c < COLUMNS; c++) expected += level(row, c) * activation(token, c)
      if (output.row(token)[row] !== expected) return false
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
    for (let c = 0; c < TILE_COLUMNS; c++) sum += activation(token, block * TILE_COLUMNS + c)
    f32[(record + 3 * COLUMNS) / 4 + block] = 1
    i32[(record + 3 * COLUMNS) / 4 + BLOCKS + block] = -8 * sum
  }
}
