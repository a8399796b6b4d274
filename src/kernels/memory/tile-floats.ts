import { TILE_COLUMNS, TILE_ROWS, TileBytes } from '../abi/formats.js'
import { padded, type WeightFormat } from './formats.js'

/* Single weights of packed matrices. docs/FORMAT.md describes the tiles. */

/** Byte offset of tile (row, column) in a packed matrix. */
function tileAt(format: WeightFormat, columns: number, row: number, column: number): number {
  const blocks = padded(columns) / TILE_COLUMNS
  return (Math.floor(row / TILE_ROWS) * blocks + Math.floor(column / TILE_COLUMNS)) * TileBytes[format]
}

/** Index, in floats from address 0, of weight [row, column] of the f32 matrix of `columns` columns at `address`. */
export function tileFloat(address: number, columns: number, row: number, column: number): number {
  const tile = (address + tileAt('f32', columns, row, column)) / 4
  return tile + (column % TILE_COLUMNS) * TILE_ROWS + (row % TILE_ROWS)
}

/** Number of floats of a packed f32 matrix. */
export function tileFloats(rows: number, columns: number): number {
  return Math.ceil(rows / TILE_ROWS) * TILE_ROWS * padded(columns)
}

/** Weight [row, column] of the packed matrix with `columns` columns at byte `address`. */
export function readWeight(
  bytes: Uint8Array,
  address: number,
  format: WeightFormat,
  columns: number,
  row: number,
  column: number,
): number {
  const tile = address + tileAt(format, columns, row, column)
  const [r, c] = [row % TILE_ROWS, column % TILE_COLUMNS]
  if (format === 'f32') return floatAt(bytes, tile + (c * TILE_ROWS + r) * 4)
  const scale = bfloat16At(bytes, tile + 2 * r)
  const levels = tile + 2 * TILE_ROWS
  if (format === 'q3') return scale * (levelQ3(bytes, levels + r * 4 + (c & 3), c >> 2) - 4)
  if (format === 'q2')
    return scale * (4 * ((bytes[levels + (c >> 4) * 32 + r * 4 + (c & 3)] >> (((c >> 2) & 3) * 2)) & 3) - 7)
  if (format === 'q4m') {
    const minimum = bfloat16At(bytes, levels + 2 * r)
    return Math.fround(scale * nibbleAt(bytes, levels + 16, r, c) + minimum)
  }
  if (format !== 'q8') {
    const nibble = nibbleAt(bytes, levels, r, c)
    return scale * (format === 'q4' ? nibble - 8 : DOUBLED[nibble])
  }
  const pair = (c >> 3) * 4 + (c & 1) * 2 + ((c & 7) >> 2)
  return scale * ((bytes[levels + pair * 16 + r * 2 + ((c >> 1) & 1)] << 24) >> 24)
}

/** Twice the values of 4-bit floats, by their bits. */
export const DOUBLED = [0, 1, 2, 3, 4, 6, 8, 12, -0, -1, -2, -3, -4, -6, -8, -12]

const WORDS = new Int32Array(1)
const FLOATS = new Float32Array(WORDS.buffer)

function nibbleAt(bytes: Uint8Array, levels: number, r: number, c: number): number {
  const byte = bytes[levels + (c >> 3) * 32 + r * 4 + (c & 3)]
  return c & 4 ? byte >> 4 : byte & 15
}

/** Level of the columns 4 `quad` to 4 `quad` + 3 whose first byte is at `at`. */
function levelQ3(bytes: Uint8Array, at: number, quad: number): number {
  if (quad < 6) return (bytes[at + (quad >> 1) * 32] >> ((quad & 1) * 3)) & 7
  return (bytes[quad === 6 ? at : at + 64] >> 6) | (((bytes[at + 32] >> quad) & 1) << 2)
}

function bfloat16At(bytes: Uint8Array, at: number): number {
  WORDS[0] = (bytes[at] | (bytes[at + 1] << 8)) << 16
  return FLOATS[0]
}

function floatAt(bytes: Uint8Array, at: number): number {
  WORDS[0] = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)
  return FLOATS[0]
}
