/*
 * Storage of numbers. A code has the name that the host uses for the same thing, so that `WeightCode[format]` is the
 * code of a format. The layouts of tiles and records are described by the kernels that compute with them
 * (assembly/tile-*.ts, assembly/quantize.ts) and in docs/FORMAT.md.
 */

/**
 * Storage of the weights of a matrix or a table. The two mxfp4 store the same bytes: products with the first take
 * activations that are quantised to 8 bits, as with q8 and q4, and products with the second take floats, as with f32.
 */
export enum WeightCode {
  f32,
  q8,
  q4,
  mxfp4,
  mxfp4_f32,
  q4m,
  q3,
  q2,
}

export enum Activation {
  identity,
  gelu_new,
  gelu,
  silu,
  relu,
  /** max(x, 0)^2. */
  relu2,
  tanh,
  /** Only of gated products: g sigmoid(1.702 g) (up + 1), with g = gate of at most 7 and up clamped to [-7, 7]. */
  clamped_swiglu,
}

/** Number type of the KV cache. */
export enum CacheCode {
  f32,
  bf16,
  /** Integers of 8 bits, with a float as the scale of each position and head (assembly/cache-q8.ts). */
  q8,
}

/**
 * Most channels of a head in a q8 cache of softmax attention, whose integer sums then have at most 31 bits, and of
 * stick-breaking attention, whose queries must fit the scratch of a thread.
 */
export const MOST_Q8_CHANNELS = 512
export const MOST_Q8_ROW_CHANNELS = 1984

/**
 * Number types of a checkpoint's weights, by their names in checkpoints. From Q4_0 on they are GGUF's block types
 * (assembly/block-types.ts). MXFP4_PAIR: MXFP4 weights in two tensors of bytes, as Hugging Face stores them.
 */
export enum SourceType {
  F32,
  F16,
  BF16,
  F64,
  MXFP4_PAIR,
  Q4_0,
  Q4_1,
  Q5_0,
  Q5_1,
  Q8_0,
  Q4_K,
  Q5_K,
  Q6_K,
  IQ4_NL,
  MXFP4,
}

/** Shape of packed weights: tiles of a matrix for products, or rows of a table. A vector is a table of one row. */
export enum PackKind {
  matrix,
  rows,
}

/** Outputs and inputs of a tile of a packed matrix. TILE_COLUMNS is also the size of a quantised block of a row. */
export const TILE_ROWS = 8
export const TILE_COLUMNS = 32

/** Bytes of a tile, by the format of its weights. */
export enum TileBytes {
  f32 = 1024,
  q8 = 272,
  q4 = 144,
  // biome-ignore lint/suspicious/noDuplicateEnumValues: a size, not a code
  mxfp4 = 144,
  mxfp4_f32 = 144,
  q4m = 160,
  q3 = 112,
  q2 = 80,
}

/** Packed matrices begin at multiples of this, so the low bits of an address can hold a format (see Group.weights). */
export const MATRIX_ALIGNMENT = 64

/** Bytes of TILE_COLUMNS entries in a row of a table, by format. A table has no 4-bit format. */
export enum TableBlockBytes {
  f32 = 128,
  q8 = 34,
}

/** Bytes of an unpacked q4 or mxfp4 tile: levels widened to bytes, scales to floats. */
export const UNPACKED_TILE_BYTES = 288
/** Bytes of an unpacked q4m tile, which has minima as well. */
export const UNPACKED_Q4M_BYTES = 320

/** Most activation rows that meet unpacked weights at once, and bytes of TILE_COLUMNS interleaved activations of four. */
export const INTERLEAVED_ROWS = 128
export const INTERLEAVED_BLOCK_BYTES = 176

/** Bytes of a block of TILE_COLUMNS quantised activations. A record is a row of blocks, padded to RECORD_ALIGNMENT. */
export const RECORD_BLOCK_BYTES = 104
export const RECORD_ALIGNMENT = 64

/** Positions in a page of the KV cache, and their number's binary logarithm. */
export const PAGE_SHIFT = 5
export const PAGE_ROWS = 1 << PAGE_SHIFT
