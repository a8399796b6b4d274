/* Arguments of the kernels that keep a state of each sequence: the short convolution, and recurrences. */

/** Byte offsets in an entry of the table of segments. A segment has the neighbouring rows of one sequence. */
export enum StateSegment {
  first = 0,
  count = 4,
  /** Address of the state before the first row. */
  before = 8,
  /** Address for the state after the last row; may be the same. */
  after = 12,
}
export const STATE_SEGMENT_BYTES = 16

export const MOST_TAPS = 8

/** Input and output of a convolution. */
export enum ConvolutionForm {
  /** out = C (filter of v), v = B X: rows have the blocks B, C and X. */
  gated,
  /** out = silu(filter of v): rows have the block v. */
  silu,
  /** out = filter of v. */
  plain,
}

/** Causal convolution over a few tokens, channel by channel (assembly/short-convolution.ts). */
export enum ShortConvolutionArg {
  /** ConvolutionForm. */
  form,
  /** Rows of floats: v; or the blocks B, C and X, `blockBytes` each, and v replaces B. */
  input,
  /** Bytes from one of them to the next. */
  inputStride,
  /** Bytes of `channels` floats, padded to TILE_COLUMNS. */
  blockBytes,
  channels,
  taps,
  /** Weights [taps, channels], oldest token first, `blockBytes` a tap. */
  weights,
  /** Floats [channels], padded to TILE_COLUMNS; or 0. */
  bias,
  /** Rows of floats. */
  output,
  /** Bytes from one of them to the next. */
  outputStride,
  /** Records of the outputs, or 0. */
  records,
  recordStride,
  /** Bytes of the floats in a record: a row, or a part of one. */
  recordedBytes,
  /** Table of segments, STATE_SEGMENT_BYTES each. */
  segments,
  count,
  /** Blocks of TILE_COLUMNS channels in a chunk. */
  chunkBlocks,
}

/** Columns of a value that a thread computes together. */
export const RECURRENCE_COLUMNS = 16

/** Recurrence of heads whose state is a matrix (assembly/recurrence.ts). */
export enum RecurrenceArg {
  /** Rows of floats: queries and keys [keyHeads, keySize], values [heads, valueSize]. */
  queries,
  keys,
  values,
  /** Bytes from one of these rows to the next. */
  stride,
  keyHeads,
  heads,
  /** 1 if heads h, h + keyHeads and so on share key head h; 0 if neighbours share one. */
  isTiled,
  keySize,
  valueSize,
  /** 1 if a value is what the state says of its key less than it should (the delta rule). */
  isDelta,
  /** Floats [T, heads], or [T, heads, keySize] if each row of a state has its own decay. */
  decays,
  /** Bytes from one token's decays to the next one's. */
  decayStride,
  /** 1 if each row of a state has its own decay. */
  isByRow,
  /** Floats [T, heads]. */
  gains,
  /** Bytes from one token's gains to the next one's. */
  gainStride,
  /** Factors of the values that are added to the outputs: floats [heads]; or 0. */
  skips,
  /** Rows of floats [heads, valueSize]. */
  output,
  /** Bytes from one of them to the next. */
  outputStride,
  /** Bytes before these heads' states in a state of the table. */
  stateOffset,
  /** Table of segments, STATE_SEGMENT_BYTES each. */
  segments,
  count,
  /** Blocks of RECURRENCE_COLUMNS columns of a head in a chunk. */
  chunkBlocks,
}

/** Decays of states that forget row by row (assembly/decays.ts). */
export enum DecaysArg {
  /** Rows of floats [heads, keySize], changed in place. */
  rows,
  /** Bytes from one of them to the next. */
  stride,
  count,
  heads,
  keySize,
  /** Floats [heads, keySize]. */
  biases,
  /** Floats [heads], negative. */
  rates,
  /** f32: the logarithm of the least decay; or 0 for none. */
  bound,
  /** Heads in a chunk. */
  chunkHeads,
}
