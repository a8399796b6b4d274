import { UserError } from '../../../ground/errors.js'
import { option, phrase } from '../../../ground/message.js'
import { MOST_Q8_CHANNELS, MOST_Q8_ROW_CHANNELS, PAGE_ROWS } from '../../../kernels/abi/formats.js'
import type { Bank } from '../../../kernels/memory/bank.js'
import { type CacheFormat, cacheHeadBytes, cacheRowBytes } from '../../../kernels/memory/formats.js'
import type { PartFormats, WeightFormat } from '../../packing/format/formats.js'

/** Keys and values of a layer's attention: a row of each per position. */
export interface RowShape {
  /** Channels of a row of keys, and of one of values. */
  channels: number
  /** Heads of these channels. Default: 1. */
  heads?: number
  /** Whether pages hold the rows of one head after another, with keys transposed. Default: they hold whole rows. */
  byHead?: boolean
  /** One row serves as both: K = V, or values are the first channels of their keys. */
  shared: boolean
  /** Whether keys have biases: a few channels are then far larger than the others. Default: false. */
  hasKeyBias?: boolean
  /** Most keys that a token sees, itself included: older ones are dropped. Absent: all are kept. */
  window?: number
}

/** Contents of a layer's cache; empty for a layer that keeps nothing of a sequence. */
export interface LayerCache {
  rows?: RowShape
  /** Floats of a running state that every token replaces, such as the last inputs of a convolution. */
  state?: number
}

export interface CachedLayer extends LayerCache {
  bank: Bank
  format: CacheFormat
}

/** Positions that a window layer keeps in addition to its window, so that a few tokens can be cut off. */
export const SLACK = PAGE_ROWS

/** Formats of at most 5 bits: their rounding changes far more than a q8 cache does (docs/EVALUATION.md). */
const FEW_BITS: ReadonlySet<WeightFormat> = new Set(['q4', 'q4m', 'q3', 'q2'])

/**
 * Number format of the cached rows: the one that was asked for. By default it is f32 if attention's weights are f32,
 * and q8 if they have few bits and all layers can hold it well: softmax attention whose keys have no biases. Otherwise
 * it is bf16. Products with quantised weights round these rows to 8 bits anyway; the upper half of a float then makes
 * no measurable difference.
 */
export function cacheFormat(layers: readonly LayerCache[], formats: PartFormats, given?: CacheFormat): CacheFormat {
  if (given) return given
  if (formats.attention === 'f32') return 'f32'
  return FEW_BITS.has(formats.attention) && layers.every(({ rows }) => !rows || suitsQ8(rows)) ? 'q8' : 'bf16'
}

function suitsQ8({ channels, heads = 1, byHead, shared, hasKeyBias }: RowShape): boolean {
  return byHead === true && !shared && !hasKeyBias && channels / heads <= MOST_Q8_CHANNELS
}

/** Throws a UserError if a cache of this format cannot hold rows with such heads. */
export function checkHeads({ channels, heads = 1, byHead, shared }: RowShape, format: CacheFormat): void {
  if (format === 'q8' && byHead && shared) {
    throw new UserError(phrase`${option('cacheType')} q8 is not for latents of keys and values; use bf16`)
  }
  const size = channels / heads
  const most = byHead ? MOST_Q8_CHANNELS : MOST_Q8_ROW_CHANNELS
  if (format !== 'q8' || size <= most) return
  throw new UserError(
    phrase`${option('cacheType')} q8 is for heads of at most ${most} channels, and those of this model have ${size}; use bf16`,
  )
}

/** How a page of the cache holds the heads of its rows: one head after another (`byHead`), or whole rows. */
export type PageHeads = Required<Pick<RowShape, 'heads' | 'byHead'>>

export function pageHeads({ heads = 1, byHead = false }: RowShape): PageHeads {
  return { heads, byHead }
}

/** Bytes of a row: all heads together. */
export function bytesOfRow(channels: number, format: CacheFormat, { heads, byHead }: PageHeads): number {
  return byHead ? heads * cacheHeadBytes(channels / heads, format) : cacheRowBytes(channels, format, heads)
}

/** Bytes of a position's keys and values. */
export function bytesOf(rows: RowShape, format: CacheFormat): number {
  return bytesOfRow(rows.channels, format, pageHeads(rows)) * (rows.shared ? 1 : 2)
}
