/* Arguments of the two kinds of attention. */

/**
 * Byte offsets in an entry of the table of places. It has one entry per token of a micro-batch: the token's position,
 * and the tables of pages that its sequence has in the current layer.
 */
export enum Place {
  position = 0,
  /** Oldest position that its sequence still keeps. */
  oldest = 4,
  /** Address of the table of pages of keys. */
  keys = 8,
  /** Address of the table of pages of values; the same as `keys` if K = V. */
  values = 12,
}
export const PLACE_BYTES = 16

/** Stick-breaking attention over the KV cache (assembly/attention.ts). */
export enum AttentionArg {
  /** Queries: k rows of floats per token. */
  q,
  /** Bytes from one row of queries or outputs to the next. */
  stride,
  /** Outputs, laid out as the queries. */
  output,
  /** Records of the outputs, or 0. */
  records,
  recordStride,
  /** Places of the tokens, PLACE_BYTES each. */
  places,
  /** Bytes from one row of the cache to the next. A row of q8 begins with the scales of its heads. */
  cacheStride,
  channels,
  heads,
  /** Queries per token. */
  k,
  /** Number of items: tokens times k. */
  items,
  chunkUnits,
  /** f32: 1 / sqrt(channels of a head). */
  scale,
  /** f32: remaining length of the stick below which older keys are not visited. */
  enough,
  /** `channels` rounded up to TILE_COLUMNS. */
  padded,
  /** Address of a u32 per item and head, the number of visited keys; or 0. */
  depths,
  /** Number of parts of an item: 1, or a divisor of `heads` if a head's channels are a multiple of TILE_COLUMNS. */
  parts,
  /** Items of a unit, which has one part of each; MOST_WALKS at most. */
  unitItems,
  /** CacheCode of the cached rows. */
  format,
}

/** Most items of a unit of stick-breaking attention. They walk through the cache together. */
export const MOST_WALKS = 16

/** Keys of a span. Softmax attention sums each span separately. */
export const SOFTMAX_SPAN = 256

/**
 * Bytes from one query's weights to the next query's, and between rows of copied queries: room for SOFTMAX_SPAN floats,
 * and not a power of two.
 */
export const SOFTMAX_WEIGHT_BYTES = 4 * SOFTMAX_SPAN + 64

export enum SoftmaxTask {
  /** Attends to all spans, for some rows of queries and some of their heads. */
  whole,
  /** Attends to one span, for one row and some of its heads. */
  partial,
  /** Combines the spans of a row, for some of its heads. */
  merge,
}

/** Byte offsets in a unit of softmax attention. Its rows of queries belong to one sequence. */
export enum SoftmaxUnit {
  /** SoftmaxTask. */
  task = 0,
  /** First row of queries. */
  item = 4,
  /** Rows of queries. */
  rows = 8,
  /** First head of keys and values, followed by their number. */
  head = 12,
  heads = 16,
  /** partial: number of the span; merge: number of spans. */
  span = 20,
  /** merge: address of the sums of the first span, followed by the other spans' sums. */
  sums = 24,
  /**
   * partial: address of an entry for each row: the row's number, and the address for the sums of all its heads. Several
   * rows see the whole span, in the same pages.
   */
  list = 28,
}
export const SOFTMAX_UNIT_BYTES = 32

/** Bytes of an entry of a partial unit's list, and the offset of the address of the sums. */
export const SOFTMAX_ENTRY_BYTES = 8
export const SOFTMAX_ENTRY_SUMS = 4

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
  /** Places of the tokens, PLACE_BYTES each. */
  places,
  /** Bytes of one position and head. A page has PAGE_ROWS times as many of each head, head by head. */
  cacheStride,
  /** CacheCode of the cached rows. */
  format,
  /** Heads of queries. */
  heads,
  keyValueHeads,
  /** Channels of a query and of a key. */
  headSize,
  /** Channels of a value. */
  valueSize,
  /** 1 if values are the first channels of their keys, and not cached again. */
  valuesInKeys,
  /** Rows of queries per token. */
  perToken,
  /** f32. */
  scale,
  /** Maximum number of keys that a row sees; 0 for all. */
  window,
  /** SOFTMAX_UNIT_BYTES each. Without all heads, the channels of a head's group are a multiple of TILE_COLUMNS. */
  units,
  count,
  chunkUnits,
  /** Scratch for each thread: two sums, a row of weights and a copy per query of a unit and head, and a page of floats. */
  scratch,
  scratchBytes,
  /** A float for each head of queries, the score of its sink; or 0. */
  sinks,
  /** 1 if V8 fuses neighbouring vectors of 128 bits to one of 256. */
  isWide,
}
