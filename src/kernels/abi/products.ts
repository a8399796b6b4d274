/* Arguments of the kernels that read and write weights: products, the embedding, packing. */

/** Grouped matrix product (assembly/matmul.ts). */
export enum MatmulArg {
  /** WeightCode of the matrices whose groups name no other. */
  format,
  /** Inputs of each matrix, a multiple of TILE_COLUMNS. */
  columns,
  /** Outputs of each matrix. */
  rows,
  /** Table of groups, GROUP_BYTES each. */
  groups,
  chunksPerGroup,
  /** Output rows of a chunk: a multiple of TILE_ROWS, or of TILE_COLUMNS if records are written. */
  chunkRows,
  /** Activations: rows of floats for f32 and mxfp4_f32, otherwise records. */
  input,
  /** Bytes from one of them to the next. */
  inputStride,
  /** Rows of floats, with room for `rows` rounded up to TILE_ROWS, or to TILE_COLUMNS if records are written. */
  output,
  /** Bytes from one of them to the next. */
  outputStride,
  activation,
  /** Records of the activated output, or 0. */
  records,
  recordStride,
  /** Columns of such a record. */
  recordColumns,
  /**
   * Scratch for unpacked 4-bit weights, or 0. For each TILE_COLUMNS columns and each thread: UNPACKED_Q4M_BYTES, or two
   * f32 tiles for mxfp4_f32.
   */
  unpacked,
  /** 1 if V8 fuses pairs of vectors. */
  fuses,
  /** f32: factor of the output. */
  scale,
  /** f32: factor of the activated output, unless it is gated. */
  activatedScale,
  /**
   * Rows of floats for activation(gate) * up, or 0. The rows of the matrix and of its bias are then gate and up in
   * turn, TILE_COLUMNS of each; a chunk has a multiple of twice as many rows, and records hold the gated rows.
   */
  gated,
  /** Bytes from one of them to the next. */
  gatedStride,
  /** Scratch for q3 and q2 weights that are widened to q4: for each TILE_COLUMNS columns and each thread two tiles. */
  widened,
  /**
   * Scratch for interleaved activations, or 0: for each thread INTERLEAVED_BLOCK_BYTES for each TILE_COLUMNS columns
   * and each 4 of INTERLEAVED_ROWS rows.
   */
  interleaved,
}

/** Byte offsets in an entry of the table of groups: a matrix and the rows of activations that it is multiplied with. */
export enum Group {
  /**
   * Address of the packed matrix, a multiple of MATRIX_ALIGNMENT. If the matrix is not in the format of the call, one
   * more than its WeightCode is added.
   */
  weights = 0,
  /** Address of floats, padded as the output rows; or 0. */
  bias = 4,
  /** Address of its list. */
  list = 8,
  /** Entries of its list. */
  count = 12,
}
export const GROUP_BYTES = 16

/** Byte offsets in an entry of a group's list: the indices of an activation row and of its output row. */
export enum ListEntry {
  input = 0,
  output = 4,
}
export const LIST_ENTRY_BYTES = 8

/** Gradients of matrices, sums of outer products (assembly/outer-products.ts). */
export enum OuterArg {
  /** Columns of each matrix, a multiple of TILE_COLUMNS. */
  columns,
  rows,
  /** Table of groups (abi/products.ts) whose matrices are the gradients, in f32 tiles. */
  groups,
  chunksPerGroup,
  /** Rows of a chunk, a multiple of TILE_ROWS. */
  chunkRows,
  /** Gradients of the outputs: rows of floats, with room for `rows` rounded up to TILE_ROWS. */
  outputs,
  outputStride,
  /** Byte offset in a ListEntry of the number of such a row. */
  outputField,
  /** Inputs: rows of `columns` floats. */
  inputs,
  inputStride,
  inputField,
}

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

/** Quantises weights and packs them into tiles (assembly/pack.ts). */
export enum PackArg {
  source,
  /** SourceType of its numbers. */
  type,
  /** Index of element [0, 0]. */
  firstElement,
  rows,
  columns,
  /** Elements from one row to the next; may be 0. Of block types these and firstElement are whole blocks. */
  rowStride,
  /** Elements from one column to the next; may be 0. 1 of block types. */
  columnStride,
  target,
  /** WeightCode of the result. */
  format,
  /** PackKind. */
  kind,
  /** Address of a u32 that counts the NaN and infinite weights. */
  nonFinite,
  /** Chunks of the target from one packed chunk to the next: 1, or 2 to leave room for one of another run. */
  targetStep,
  /**
   * Scales of MXFP4_PAIR, a byte for each 32 columns. The source has 16 bytes for each 32 columns, and firstElement
   * and rowStride count bytes.
   */
  scales,
  /** Bytes from one row of scales to the next. */
  scaleStride,
  /** Second moments of the inputs of a q4 or q3 matrix (assembly/pack-calibrated.ts), or 0. */
  moments,
  /** Scratch for packing with them: CALIBRATION_ROOM bytes for each thread. */
  room,
}

/** Columns of a block of second moments; the last block of a matrix may have fewer. */
export const MOMENT_COLUMNS = 256
/** Bytes that a thread needs to pack 8 rows of a block: three floats for each weight, and the scales of its tiles. */
export const CALIBRATION_ROOM = 24832

/** Rows of a matrix in a chunk; a chunk of a table has one row. */
export const PACK_CHUNK_ROWS = 32
