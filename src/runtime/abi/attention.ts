/* Arguments of the two kinds of attention. */

/**
 * Bytes from the start of an entry of the table of places, which has one for each token of a micro-batch: where it stands
 * in its sequence, and the tables of pages that this sequence has in the layer at hand.
 */
export enum Place {
  /** Position of the token. */
  position = 0,
  /** Oldest position that its sequence keeps. */
  oldest = 4,
  /** Table of the pages of keys. */
  keys = 8,
  /** Table of the pages of values; the same where K = V. */
  values = 12,
}
export const PLACE_BYTES = 16

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
  /** Places of the tokens, PLACE_BYTES each. */
  places,
  /** Bytes from one row of the cache to the next. */
  cacheStride,
  channels,
  heads,
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

/** What a thread of softmax attention does at a time. */
export enum SoftmaxTask {
  /** Some rows of queries and some of their heads, over all spans. */
  whole,
  /** One span of one row, for some of its heads. */
  partial,
  /** Puts the spans of a row together, for some of its heads. */
  merge,
}

/** Bytes from the start of a unit of softmax attention. Its rows of queries belong to one sequence. */
export enum SoftmaxUnit {
  /** SoftmaxTask. */
  task = 0,
  /** First row of queries. */
  item = 4,
  /** Rows of queries. */
  rows = 8,
  /** First head of keys and values. */
  head = 12,
  heads = 16,
  /** partial: number of the span; merge: how many there are. */
  span = 20,
  /** partial: where the sums of all heads of the span go; merge: those of the first span, the others behind. */
  sums = 24,
}
export const SOFTMAX_UNIT_BYTES = 28

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
  /**
   * SOFTMAX_UNIT_BYTES each. Where a unit has not all heads, the channels of each head's group are a multiple of
   * TILE_COLUMNS.
   */
  units,
  count,
  chunkUnits,
  /** Room for two sums and SOFTMAX_WEIGHT_BYTES per query of a unit and head, for each thread. */
  scratch,
  scratchBytes,
}
