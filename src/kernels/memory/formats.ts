import {
  type Activation,
  type CacheCode,
  MATRIX_ALIGNMENT,
  RECORD_ALIGNMENT,
  RECORD_BLOCK_BYTES,
  type SourceType,
  TILE_COLUMNS,
  WeightCode,
} from '../abi/formats.js'

/** Storage of the weights of a matrix: 32, or from 8.5 to 2.5 bits each (see WeightCode). */
export type WeightFormat = keyof typeof WeightCode
/** Activation of a gated product. */
export type GatedActivationName = keyof typeof Activation
/** Activation of any product. */
export type ActivationName = Exclude<GatedActivationName, 'clamped_swiglu'>
export type CacheFormat = keyof typeof CacheCode
/** Number types of a checkpoint's weights that can be packed. */
export type SourceFormat = keyof typeof SourceType

/**
 * Address of a matrix that is not in the format of its call: packed matrices begin at multiples of 64, so the low bits
 * hold one more than the code of its format. Without them the matrix has the format of the call.
 */
export const withFormat = (address: number, format: WeightFormat): number => address + 1 + WeightCode[format]

/** The address alone of a matrix (see withFormat). */
export const withoutFormat = (address: number): number => address - (address % MATRIX_ALIGNMENT)

/** Whether products with weights of a format take activations as floats; else they take records. */
export const takesFloats = (format: WeightFormat): boolean => format === 'f32' || format === 'mxfp4_f32'

export const roundUp = (n: number, multiple: number): number => Math.ceil(n / multiple) * multiple

/** Columns of a row that is padded to whole quantisation blocks. */
export const padded = (columns: number): number => roundUp(columns, TILE_COLUMNS)

/** Bytes of the record of a row of activations (assembly/quantize.ts). */
export const recordBytes = (columns: number): number =>
  roundUp((padded(columns) / TILE_COLUMNS) * RECORD_BLOCK_BYTES, RECORD_ALIGNMENT)

const CACHE_BYTES = { f32: 4, bf16: 2 }

/**
 * Bytes from one row of the KV cache to the next: an odd number of cache lines. Attention reads eight rows side by
 * side, and at a power of two they would all compete for the same set of the first-level cache (1.1 to 1.4 times
 * slower). A row of q8 has a scale for each of its `heads` heads, and 3 bytes for padding.
 */
export const cacheRowBytes = (channels: number, format: CacheFormat, heads = 1): number => {
  const bytes = format === 'q8' ? 4 * heads + channels + 3 : channels * CACHE_BYTES[format]
  return 64 * (Math.ceil(bytes / 64) | 1)
}

/** Bytes of a position and head in a page of the cache that holds its rows head by head. */
export const cacheHeadBytes = (headSize: number, format: CacheFormat): number =>
  format === 'q8' ? 4 + roundUp(headSize, 4) : headSize * CACHE_BYTES[format]
