import { Job } from '../abi/control.js'
import { CONVOLUTION_SEGMENT_BYTES, ConvolutionSegment, MOST_TAPS, ShortConvolutionArg } from '../abi/convolution.js'
import { TILE_COLUMNS } from '../abi/formats.js'
import type { Bank } from '../memory/bank.js'
import { padded } from '../memory/formats.js'
import type { Rows } from '../memory/rows.js'
import { Call, recordsOf } from './call.js'
import { LEAST_WORK } from './chunks.js'

export interface ShortConvolutionShape {
  /**
   * Rows of the blocks B, C and X [T, 3, d], each block padded to whole quantisation blocks. v = B X replaces B, so that
   * the host can read the state after any row.
   */
  input: Rows
  /** [T, d]; its records are written if it has any. */
  output: Rows
  /** n, tokens that the filter sees: 1 to 8. */
  taps: number
}

/** Neighbouring rows of one sequence, and the addresses of its state [n - 1, d], each of its rows padded. */
export interface ConvolutionRows {
  first: number
  count: number
  /** State before the first row. */
  before: number
  /** Receives the state after the last row; may be the same address. */
  after: number
}

/** Gated causal convolution over n tokens: out = C (bias + sum of w v), v = B X, channel by channel. */
export class ShortConvolution extends Call<typeof ShortConvolutionArg> {
  private readonly blocks: number
  private readonly taps: number

  constructor(
    bank: Bank,
    { input, output, taps }: ShortConvolutionShape,
    private readonly threads: number,
  ) {
    super(bank, Job.shortConvolution, ShortConvolutionArg)
    if (!(taps >= 1 && taps <= MOST_TAPS)) throw new RangeError(`a convolution of ${taps} taps`)
    const columns = padded(output.columns)
    this.blocks = columns / TILE_COLUMNS
    this.taps = taps
    this.bind({
      input: input.address,
      inputStride: input.strideBytes,
      blockBytes: columns * 4,
      channels: output.columns,
      taps,
      output: output.address,
      outputStride: output.strideBytes,
      ...recordsOf(output),
    })
  }

  /**
   * Runs the first `count` segments of the table at address `table` (see writeConvolutionRows), with `rows` rows in all.
   * `weights` and `bias` are addresses of floats, [n, d] with padded rows and [d]; a bias of 0 is no bias.
   */
  run(table: number, count: number, rows: number, weights: number, bias = 0): void {
    const { blocks, taps, threads } = this
    const least = LEAST_WORK / (rows * taps * TILE_COLUMNS)
    const chunkBlocks = threads === 1 ? blocks : Math.ceil(Math.max(blocks / (threads * 4), least))
    this.set(ShortConvolutionArg.segments, table)
    this.set(ShortConvolutionArg.count, count)
    this.set(ShortConvolutionArg.weights, weights)
    this.set(ShortConvolutionArg.bias, bias)
    this.set(ShortConvolutionArg.chunkBlocks, chunkBlocks)
    this.start(Math.ceil(blocks / chunkBlocks))
  }
}

/** Floats of a state of `channels` channels. */
export function convolutionStateFloats(channels: number, taps: number): number {
  return (taps - 1) * padded(channels)
}

/** Allocates a table of `count` segments; returns its address. */
export function allocateConvolutionRows(bank: Bank, count: number): number {
  return bank.arena.allocate(count * CONVOLUTION_SEGMENT_BYTES)
}

export function writeConvolutionRows(
  bank: Bank,
  table: number,
  segment: number,
  { first, count, before, after }: ConvolutionRows,
): void {
  const words = bank.u32
  const at = table + segment * CONVOLUTION_SEGMENT_BYTES
  words[(at + ConvolutionSegment.first) / 4] = first
  words[(at + ConvolutionSegment.count) / 4] = count
  words[(at + ConvolutionSegment.before) / 4] = before
  words[(at + ConvolutionSegment.after) / 4] = after
}
