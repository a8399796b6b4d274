/* Arguments of the kernels that measure: the speed of memory, and rows of logits. */

/** Streaming read (assembly/bandwidth.ts). */
export enum BandwidthArg {
  /** A multiple of 16. */
  start,
  /** Bytes of a chunk, a multiple of 64. */
  chunkBytes,
  /** Address for the xor of all that each chunk reads: BANDWIDTH_RESULT_BYTES per chunk. */
  results,
}
export const BANDWIDTH_RESULT_BYTES = 16

/** Summary of rows of logits (assembly/summary.ts). */
export enum SummaryArg {
  /** Address of the first row, and bytes from one row to the next. */
  rows,
  stride,
  /** Logits of a row. */
  count,
  /** Logits in a chunk, a multiple of 256, and chunks per row. */
  chunkCount,
  chunksPerRow,
  /** SUMMARY_BYTES per chunk; the chunks of a row follow each other. */
  results,
  /** Largest of each PEAK_LOGITS logits: floats of the first row, and bytes from one row's to the next row's. */
  peaks,
  peakStride,
}

/** Byte offsets in a chunk's summary. */
export enum SummaryField {
  /** f64: sum of e^(logit - largest). */
  sum = 0,
  /** f32. */
  largest = 8,
  /** u32: index of the largest logit in the row; the lowest index among equals. */
  index = 12,
}
export const SUMMARY_BYTES = 16

/** Neighbouring logits that have one peak; divides the logits of a chunk. */
export const PEAK_LOGITS = 64
