import { TILE_ROWS } from '../abi/formats.js'
import { roundUp } from '../memory/formats.js'

/* Sizes of chunks. Each thread gets several, so that none waits long for the last; a single one takes all at once. */

/** Multiplications below which a chunk is finished before another thread can join. */
export const LEAST_WORK = 16384

/** Minimum rows of activations that are worth a chunk. */
const LEAST_ROWS = 4

export function rowsPerChunk(rows: number, threads: number, chunksPerThread = 4): number {
  return threads === 1 ? rows : Math.max(LEAST_ROWS, Math.ceil(rows / (threads * chunksPerThread)))
}

/** Rows in a chunk of `groups` matrices with `rows` rows each: a multiple of TILE_ROWS, or all of them. */
export function tileRowsPerChunk(rows: number, groups: number, threads: number): number {
  const share = (rows * groups) / (threads * 16)
  return threads === 1 ? rows : Math.min(rows, roundUp(Math.max(share, 1), TILE_ROWS))
}

/** Units of attention in a chunk: `most` at most. */
export function unitsPerChunk(units: number, threads: number, most: number): number {
  return threads === 1 ? Math.max(1, units) : Math.max(1, Math.min(most, Math.floor(units / (threads * 4))))
}
