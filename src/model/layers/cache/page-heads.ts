import { type CacheFormat, cacheHeadBytes, cacheRowBytes } from '../../../kernels/memory/formats.js'

/** How a page of the cache holds the heads of its rows. */
export interface PageHeads {
  heads: number
  /** Whether a page holds the rows of one head after another; else it holds whole rows. */
  byHead: boolean
}

/** Numbers of rows: floats, the bits of numbers in bfloat16, or the levels of q8. */
export type RowNumbers = Float32Array | Uint16Array | Int8Array

/** Bytes of a row: all heads together. */
export function bytesOfRow(channels: number, format: CacheFormat, { heads, byHead }: PageHeads): number {
  return byHead ? heads * cacheHeadBytes(channels / heads, format) : cacheRowBytes(channels, format, heads)
}
