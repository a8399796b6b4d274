/* Arguments of the short convolution. */

/** Byte offsets in an entry of the table of segments. A segment has the neighbouring rows of one sequence. */
export enum ConvolutionSegment {
  /** First row. */
  first = 0,
  /** Number of rows. */
  count = 4,
  /** Address of the state before the first row. */
  before = 8,
  /** Address for the state after the last row; may be the same. */
  after = 12,
}
export const CONVOLUTION_SEGMENT_BYTES = 16

/** Most taps of a filter. */
export const MOST_TAPS = 8

/** Gated causal convolution over a few tokens, channel by channel (assembly/short-convolution.ts). */
export enum ShortConvolutionArg {
  /** Rows of floats: the blocks B, C and X, `blockBytes` each. v replaces B. */
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
  /** Table of segments, CONVOLUTION_SEGMENT_BYTES each. */
  segments,
  count,
  /** Blocks of TILE_COLUMNS channels in a chunk. */
  chunkBlocks,
}
