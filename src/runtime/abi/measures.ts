/* Arguments of the kernels that sum up: what memory delivers, and a row of logits. */

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

/** Summary of rows of logits (assembly/summary.ts). */
export enum SummaryArg {
  /** The first row, and bytes from one to the next. */
  rows,
  stride,
  /** Logits of a row. */
  count,
  /** Logits of a chunk, a multiple of 256, and chunks of a row. */
  chunkCount,
  chunksPerRow,
  /** SUMMARY_BYTES per chunk, those of a row one after the other. */
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
