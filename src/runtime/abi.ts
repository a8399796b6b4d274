/*
 * What the host and the kernels agree on: every code, address, size and argument that both sides use. Both compilers
 * read this very file: TypeScript for the host, AssemblyScript for the kernels (assembly/), where enums and constants
 * are 32-bit integers that fold into the instructions. So it may hold nothing but `export enum` and `export const` of
 * whole numbers.
 *
 * Names of codes are the words that the host uses for the same thing, so that `WeightCode[format]` is the code of a
 * format. How the numbers of a tile or a record lie within it is told where it is computed with (assembly/tile-*.ts,
 * assembly/quantize.ts) and in docs/FORMAT.md.
 */

/** Kinds of jobs that the threads share out among themselves. */
export enum Job {
  /** Helpers answer it by returning to their host, which ends them or lets them go on in another memory. */
  leave,
  matmul,
  norm,
  attention,
  embedding,
  pack,
  bandwidth,
  summary,
  heads,
  softmaxAttention,
  /** Computes nothing; publishing it only moves the epoch on. */
  nothing,
}

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

/**
 * Addresses below the arena. The words of the control block are what the threads of one memory say to each other. Each
 * hot word has a cache line of its own: a line shared between a word that is spun on and a word that is written would
 * travel between the cores at every write.
 */
export enum Address {
  /** Number of the job at hand; helpers wait for it to change. */
  epoch = 1024,
  /** i64: epoch << 32 | next chunk. One word, so that a late helper can never claim a chunk of a job it has not read. */
  claim = 1088,
  /** Chunks of the job that are finished. */
  done = 1152,
  /** Helpers asleep on the epoch. */
  sleepers = 1216,
  /** 1 while the leader sleeps on `done`. */
  leaderSleeps = 1280,
  /** Helpers that take part; 0 makes every job run on the leader alone. */
  helpers = 1344,
  /** Rounds of spinning before a thread goes to sleep. */
  spin = 1348,
  /** Where helpers go after the job `leave`; only hosts read and write it. */
  destination = 1352,
  /** Job at hand. */
  kind = 1408,
  /** Chunks that it has. */
  chunks = 1412,
  /** Its arguments: ARGUMENTS words. */
  args = 1472,
  /** SCRATCH_BYTES for each of MAX_THREADS threads. */
  scratch = 4096,
  /** First address that may be given out: a page of WebAssembly behind the last scratch. */
  arena = 327680,
}

export const ARGUMENTS = 32
export const SCRATCH_BYTES = 4096
export const MAX_THREADS = 64

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
  /** Room for unpacked 4-bit weights: UNPACKED_TILE_BYTES for each TILE_COLUMNS columns and each thread. */
  unpacked,
  /** Rows of activations that unpacked weights are multiplied with at once: 1 or 4. */
  rowsAtOnce,
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

/** How a row is normalised. */
export enum NormKind {
  /** (x - mean) / sqrt(variance + epsilon) * weight + bias. */
  layer,
  /** x / sqrt(mean square + epsilon) * weight. */
  rms,
}

/** Residual addition and LayerNorm or RMSNorm (assembly/norm.ts). */
export enum NormArg {
  /** Residual stream: rows of floats, padded with zeros. */
  x,
  /** Floats from one row to the next: `columns` rounded up to TILE_COLUMNS. */
  stride,
  columns,
  tokens,
  chunkTokens,
  /** What is added, k rows per token, or 0 to add nothing. */
  y,
  /** Bytes from one of them to the next. */
  yStride,
  /** Factors of these rows: floats, k per token; or 0, for 1. */
  gates,
  k,
  /** f32: a further factor of all of them. */
  scale,
  /** A row that is added once per token, or 0. */
  added,
  /** NormKind. */
  kind,
  /** f32. */
  epsilon,
  /** Weight of the norm, or 0 for the addition alone. */
  weight,
  bias,
  /** Normalised rows, laid out as x. */
  output,
  /** Records of them, or 0. */
  records,
  recordStride,
}

/** What RMSNorm is taken over in a row of heads. */
export enum NormSpan {
  none,
  row,
  head,
}

/** Norm, clamp and rotation of rows of heads, in place (assembly/heads.ts). */
export enum HeadsArg {
  /** Rows of floats. */
  rows,
  /** Bytes from one of them to the next. */
  stride,
  count,
  chunkRows,
  /** Rows that have the same position. */
  perToken,
  /** Channels of a row, a multiple of headSize. */
  columns,
  headSize,
  /** NormSpan. */
  span,
  /** Weight of the norm: floats, as many as it spans. */
  weight,
  /** f32. */
  epsilon,
  /** f32: rows are clamped to [-clip, clip]; 0 leaves them. */
  clip,
  /** Cosines of the tokens' positions, headSize / 2 floats each, or 0 to rotate nothing. */
  cos,
  sin,
  /** Bytes from one token's cosines to the next one's. */
  angleStride,
}

/** Stick-breaking attention over the KV cache (assembly/attention.ts). */
export enum AttentionArg {
  /** Queries: k rows of floats per token. */
  q,
  /** Bytes from one row to the next, of queries and of outputs. */
  stride,
  /** Outputs, laid out as the queries. */
  output,
  /** Records of the outputs, or 0. */
  records,
  recordStride,
  /** Table of the pages of keys. */
  keys,
  /** Table of the pages of values; the same where K = V. */
  values,
  /** Bytes from one row of the cache to the next. */
  cacheStride,
  channels,
  heads,
  /** Position of the first token. */
  position,
  /** Oldest position that is kept. */
  oldest,
  /** Queries per token. */
  k,
  /** Items: tokens times k. */
  items,
  /** Parts of items in a chunk. */
  chunkParts,
  /** f32: 1 / sqrt(channels of a head). */
  scale,
  /** f32: length of the stick below which older keys are not visited. */
  enough,
  /** `channels` rounded up to TILE_COLUMNS. */
  padded,
  /** u32 per item and head: keys that were visited. Or 0. */
  depths,
  /** Parts of an item: 1, or a divisor of `heads` where a head's channels are a multiple of TILE_COLUMNS. */
  parts,
  /** CacheCode of the cached rows. */
  format,
}

/** Keys of a span, which softmax attention sums on its own. */
export const SOFTMAX_SPAN = 256

/** From the weights of a query to those of the next one: a span of them, and no power of two. */
export const SOFTMAX_WEIGHT_BYTES = 4 * SOFTMAX_SPAN + 64

/** How softmax attention is shared out among the threads. */
export enum SoftmaxPhase {
  /** A unit is a few rows of queries and a part of their heads. */
  whole,
  /** A unit is one span of one row and a part of its heads. */
  partial,
  /** A unit puts the spans of a row and part together. */
  merge,
}

/** Grouped-query softmax attention over the KV cache (assembly/softmax-attention.ts). */
export enum SoftmaxArg {
  /** Rows of queries. */
  q,
  /** Bytes from one row to the next. */
  qStride,
  output,
  outputStride,
  /** Records of the outputs, or 0. */
  records,
  recordStride,
  /** Table of the pages of keys. */
  keys,
  /** Table of the pages of values. */
  values,
  /** Bytes of one position and head; a page has PAGE_ROWS times as many of each head, head by head. */
  cacheStride,
  /** CacheCode of the cached rows. */
  format,
  /** Heads of queries. */
  heads,
  keyValueHeads,
  headSize,
  /** Rows of queries per token. */
  perToken,
  /** f32. */
  scale,
  /** Keys that a row sees at most, 0 for all. */
  window,
  /** Position of the first token. */
  position,
  /** Oldest position that is kept. */
  oldest,
  /** SoftmaxPhase. */
  phase,
  units,
  chunkUnits,
  /** Rows of queries. */
  items,
  /** Rows of a unit. */
  unitRows,
  /** Parts of the heads of a row: a divisor of keyValueHeads, 1 unless the channels of a group are a multiple of TILE_COLUMNS. */
  parts,
  /** Spans of a row at most. */
  spans,
  /** Sums of spans. */
  partials,
  /** Room for two sums and SOFTMAX_WEIGHT_BYTES per query of a unit and head, for each thread. */
  scratch,
  scratchBytes,
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

/** Streaming read (assembly/bandwidth.ts). */
export enum BandwidthArg {
  /** A multiple of 16. */
  start,
  /** Bytes of a chunk, a multiple of 64. */
  chunkBytes,
  /** Where each chunk leaves the xor of all it read: BANDWIDTH_RESULT_BYTES per chunk. */
  results,
}
export const BANDWIDTH_RESULT_BYTES = 16

/** Summary of a row of logits (assembly/summary.ts). */
export enum SummaryArg {
  row,
  count,
  /** Logits of a chunk, a multiple of 256. */
  chunkCount,
  /** SUMMARY_BYTES per chunk. */
  results,
}

/** Bytes from the start of a chunk's summary. */
export enum SummaryField {
  /** f64: sum of e^(logit - largest). */
  sum = 0,
  /** f32. */
  largest = 8,
  /** u32: index of the largest in the row, the lowest among equals. */
  index = 12,
}
export const SUMMARY_BYTES = 16
