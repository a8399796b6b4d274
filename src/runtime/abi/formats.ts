/*
 * How numbers are stored. Names of codes are the words that the host uses for the same thing, so that
 * `WeightCode[format]` is the code of a format. How the numbers of a tile or a record lie within it is told where it is
 * computed with (assembly/tile-*.ts, assembly/quantize.ts) and in docs/FORMAT.md.
 */

/** How the weights of a matrix or a table are stored. */
export enum WeightCode {
  f32,
  q8,
  q4,
}

export enum Activation {
  identity,
  gelu_new,
  gelu,
  silu,
  relu,
  tanh,
}

/** Numbers of a row of the KV cache. */
export enum CacheCode {
  f32,
  bf16,
}

/** Numbers of a checkpoint's weights, as checkpoints name them. */
export enum SourceType {
  F32,
  F16,
  BF16,
  F64,
}

/** What is packed: tiles of a matrix for products, or rows of a table (a vector is a table of one row). */
export enum PackKind {
  matrix,
  rows,
}

/** A tile of a packed matrix: outputs by inputs. TILE_COLUMNS is also what a quantised block of a row has. */
export const TILE_ROWS = 8
export const TILE_COLUMNS = 32

/** Bytes of a tile, by the format of its weights. */
export enum TileBytes {
  f32 = 1024,
  q8 = 272,
  q4 = 144,
}

/** Bytes of TILE_COLUMNS entries in a row of a table, by format; a table has no 4-bit format. */
export enum TableBlockBytes {
  f32 = 128,
  q8 = 34,
}

/** Bytes of a 4-bit tile whose levels are widened to bytes and whose scales to floats. */
export const UNPACKED_TILE_BYTES = 288

/** Bytes of a block of TILE_COLUMNS quantised activations; a record is a row of blocks, padded to RECORD_ALIGNMENT. */
export const RECORD_BLOCK_BYTES = 104
export const RECORD_ALIGNMENT = 64

/** A page of the KV cache holds so many positions. */
export const PAGE_SHIFT = 5
export const PAGE_ROWS = 1 << PAGE_SHIFT
