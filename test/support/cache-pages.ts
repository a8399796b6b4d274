import { PAGE_ROWS } from '#molm/kernels/abi/formats.js'
import { allocatePlaces, writePositions, writeTables } from '#molm/kernels/calls/places.js'
import type { Bank } from '#molm/kernels/memory/bank.js'
import { type CacheFormat, cacheHeadBytes, cacheRowBytes } from '#molm/kernels/memory/formats.js'
import { place, roundHalfEven } from './kernel-bench.js'
import { nearestBfloat16 } from './reference-math.js'

/**
 * Writes rows of keys or values into cache pages, one row per position from 0 on, and returns the address of the page
 * table. Pages are in descending order in memory, so that only the table leads to a position. With `byHead`, a page
 * holds the rows of one head after another, or each head's channels in turn if transposed. `rowHeads`: number of heads in
 * whole rows; in the q8 cache each has its own scale.
 */
export function placePages(
  bank: Bank,
  rows: Float32Array,
  channels: number,
  format: CacheFormat,
  byHead?: { heads: number; isTransposed: boolean },
  rowHeads = 1,
): number {
  const { heads, isTransposed } = byHead ?? { heads: 1, isTransposed: false }
  const size = channels / heads
  const stride = byHead ? cacheHeadBytes(size, format) : cacheRowBytes(channels, format, rowHeads)
  const source = place(bank, rows)
  const count = rows.length / channels
  const pages: number[] = []
  for (let page = Math.ceil(count / PAGE_ROWS) - 1; page >= 0; page--) {
    pages[page] = place(bank, new Uint8Array(heads * PAGE_ROWS * stride).fill(0xff))
    const first = page * PAGE_ROWS
    const held = Math.min(PAGE_ROWS, count - first)
    for (let head = 0; head < heads; head++) {
      const from = source + (first * channels + head * size) * 4
      const to = pages[page] + head * PAGE_ROWS * stride
      const pitch = (PAGE_ROWS * stride) / size
      if (format === 'q8' && byHead) bank.kernels.quantizeHead(from, channels * 4, to, 0, size, held, isTransposed)
      else if (format === 'q8') {
        bank.kernels.quantizeRows(from, channels * 4, to, stride, rowHeads, channels / rowHeads, held)
      } else if (isTransposed) bank.kernels.transposeRows(from, channels * 4, to, pitch, size, held, format === 'bf16')
      else if (format === 'f32') bank.kernels.copyRows(from, channels * 4, to, stride, size * 4, held)
      else bank.kernels.narrowRows(from, channels * 4, to, stride, size, held)
    }
  }
  return place(bank, Uint32Array.from(pages))
}

/** Rows rounded to the format of a cache. Heads have `size` channels. */
export function asCached(rows: Float32Array, format: CacheFormat, size: number): Float32Array {
  if (format === 'q8') return withLevels(rows, size)
  return format === 'bf16' ? rows.map(nearestBfloat16) : rows
}

/** Each `size` numbers as whole multiples, up to 127, of a scale of their own. */
function withLevels(rows: Float32Array, size: number): Float32Array {
  const rounded = new Float32Array(rows.length)
  for (let first = 0; first < rows.length; first += size) {
    const head = rows.subarray(first, first + size)
    const most = head.reduce((largest, x) => Math.max(largest, Math.abs(x)), 0)
    const inverse = Math.fround(127 / most)
    for (const [i, x] of head.entries()) {
      const level = most === 0 ? 0 : roundHalfEven(Math.fround(x * inverse))
      rounded[first + i] = level * Math.fround(most / 127)
    }
  }
  return rounded
}

/** Table of places for the tokens of one sequence from `position` on, with the page tables `keys` and `values`. */
export function placeTokens(
  bank: Bank,
  { tokens, position, oldest = 0 }: { tokens: number; position: number; oldest?: number },
  keys: number,
  values: number,
): number {
  const places = allocatePlaces(bank, tokens)
  const span = { first: 0, count: tokens, position, oldest }
  writePositions(bank, places, span)
  writeTables(bank, places, span, keys, values)
  return places
}
