/* Arguments of the two kinds of attention. */

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
