/* Arguments of the kernels that read and write weights: products, the embedding, packing. */

/** Grouped matrix product (assembly/matmul.ts). */
export enum MatmulArg {
  /** WeightCode of all matrices. */
  format,
  /** Inputs of each matrix, a multiple of TILE_COLUMNS. */
  columns,
  /** Outputs of each matrix. */
  rows,
  /** Table of groups, GROUP_BYTES each. */
  groups,
  chunksPerGroup,
  /** Output rows of a chunk: a multiple of TILE_ROWS, of TILE_COLUMNS where records are written. */
  chunkRows,
  /** Activations: rows of floats for f32, else records. */
  input,
  /** Bytes from one of them to the next. */
  inputStride,
  /** Rows of floats, with room for `rows` rounded up to TILE_ROWS (to TILE_COLUMNS where records are written). */
  output,
  /** Bytes from one of them to the next. */
  outputStride,
  /** Activation applied to the output. */
  activation,
  /** Records of the activated output, or 0. */
  records,
  recordStride,
  /** Columns of such a record. */
  recordColumns,
  /** Room for unpacked 4-bit weights, or 0: UNPACKED_TILE_BYTES for each TILE_COLUMNS columns and each thread. */
  unpacked,
  /** Entries of a list from which on its 4-bit weights are unpacked: 4 at least, where there is room for them. */
  unpackFrom,
  /** f32: factor of the output. */
  scale,
  /**
   * Rows of floats that take activation(gate) * up, or 0. The rows of the matrix are then gate and up in turn,
   * TILE_COLUMNS of each, chunks have a multiple of twice as many, and records are those of these rows.
   */
  gated,
  /** Bytes from one of them to the next. */
  gatedStride,
}

/** Bytes from the start of an entry of the table of groups: one matrix and the rows of activations that it serves. */
export enum Group {
  /** Address of the packed matrix. */
  weights = 0,
  /** Address of floats, padded as the output rows are, or 0. */
  bias = 4,
  /** Address of its list. */
  list = 8,
  /** Entries of its list. */
  count = 12,
}
export const GROUP_BYTES = 16

/** Bytes from the start of an entry of a group's list: indices of an activation row and of the output row it gives. */
export enum ListEntry {
  input = 0,
  output = 4,
}
export const LIST_ENTRY_BYTES = 8

/** Rows of the embedding table (assembly/embedding.ts). */
export enum EmbeddingArg {
  /** WeightCode of the table. */
  format,
  /** Columns of the table, a multiple of TILE_COLUMNS. */
  columns,
  table,
  /** u32 per token. */
  ids,
  tokens,
  /** Rows of `columns` floats. */
  output,
  /** f32: factor of the rows. */
  scale,
}

/** Quantising and tiling of weights (assembly/pack.ts). */
export enum PackArg {
  source,
  /** SourceType of its numbers. */
  type,
  /** Index of element [0, 0]. */
  firstElement,
  rows,
  columns,
  /** Elements from one row to the next; may be 0. */
  rowStride,
  /** Elements from one column to the next; may be 0. */
  columnStride,
  target,
  /** WeightCode of the result. */
  format,
  /** PackKind. */
  kind,
  /** Address of a u32 that the number of NaN and infinite weights is added to. */
  nonFinite,
}

/** Rows of a matrix that are packed as one chunk; of a table it is one. */
export const PACK_CHUNK_ROWS = 32
