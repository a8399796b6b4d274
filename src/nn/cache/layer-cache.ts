import { UserError } from '../../errors.js'
import { MOST_Q8_CHANNELS, MOST_Q8_ROW_CHANNELS, PAGE_ROWS } from '../../runtime/abi/formats.js'
import type { Bank } from '../../runtime/memory/bank.js'
import type { CacheFormat } from '../../runtime/memory/formats.js'
import { bytesOfRow, type PageHeads } from './page-heads.js'

/** Keys and values of a layer's attention: a row of each per position. */
export interface RowShape {
  /** Channels of a row of keys, and of one of values. */
  channels: number
  /** Heads of these channels. Default: 1. */
  heads?: number
  /** Whether pages hold the rows of one head after another, with keys transposed. Default: they hold whole rows. */
  byHead?: boolean
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

/** Throws a UserError if a cache of this format cannot hold rows with such heads. */
export function checkHeads({ channels, heads = 1, byHead }: RowShape, format: CacheFormat): void {
  const size = channels / heads
  const most = byHead ? MOST_Q8_CHANNELS : MOST_Q8_ROW_CHANNELS
  if (format !== 'q8' || size <= most) return
  throw new UserError(
    `\`cacheType\` q8 is for heads of at most ${most} channels, and those of this model have ${size}; use bf16`,
  )
}

/** Heads in the pages of rows. */
export function pageHeads({ heads = 1, byHead = false }: RowShape): PageHeads {
  return { heads, byHead }
}

/** Bytes of a position's keys and values. */
export function bytesOf(rows: RowShape, format: CacheFormat): number {
  return bytesOfRow(rows.channels, format, pageHeads(rows)) * (rows.shared ? 1 : 2)
}
