import type { PartFormats } from '../../packing/format/formats.js'
import { PAGE_ROWS } from '../../runtime/abi/formats.js'
import type { Bank } from '../../runtime/memory/bank.js'
import type { CacheFormat } from '../../runtime/memory/formats.js'
import { bytesOfRow } from './paged-rows.js'

/** Keys and values of a layer's attention: a row of each per position. */
export interface RowShape {
  /** Channels of a row of keys, and of one of values. */
  channels: number
  /**
   * Heads of these channels; pages then hold the rows of one head after another, with keys transposed. Absent: pages
   * hold whole rows.
   */
  heads?: number
  /** K = V: one row serves as both. */
  shared: boolean
  /** Most keys that a token sees, itself included: older ones are dropped. Absent: all are kept. */
  window?: number
}

/** Contents of a layer's cache; empty for a layer that keeps nothing of a sequence. */
export interface LayerCache {
  rows?: RowShape
  /** Floats of a running state that every token replaces, such as the last inputs of a convolution. */
  state?: number
}

/** A layer's cache in a bank. */
export interface CachedLayer extends LayerCache {
  bank: Bank
  format: CacheFormat
}

/** Positions that a window layer keeps in addition to its window, so that a few tokens can be cut off. */
export const SLACK = PAGE_ROWS

/**
 * Number format of the cached rows. If attention's weights are quantised, its products round these rows to 8 bits
 * anyway; the cache then stores the upper half of a float, which makes no measurable difference (docs/EVALUATION.md).
 */
export function cacheFormat(formats: PartFormats): CacheFormat {
  return formats.attention === 'f32' ? 'f32' : 'bf16'
}

/** Bytes of a position's keys and values. */
export function bytesOf({ channels, heads, shared }: RowShape, format: CacheFormat): number {
  return bytesOfRow(channels, format, heads) * (shared ? 1 : 2)
}
