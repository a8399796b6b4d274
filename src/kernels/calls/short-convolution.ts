import { Job } from '../abi/control.js'
import { TILE_COLUMNS } from '../abi/formats.js'
import { ConvolutionForm, MOST_TAPS, ShortConvolutionArg } from '../abi/states.js'
import type { Bank } from '../memory/bank.js'
import { padded } from '../memory/formats.js'
import type { Rows } from '../memory/rows.js'
import { Call, recordsOf } from './call.js'
import { LEAST_WORK } from './chunks.js'

export interface ShortConvolutionShape {
  /**
   * gated: rows of the blocks B, C and X [T, 3, d], each padded to whole quantisation blocks. v = B X replaces B, so that
   * the host can read the state after any row. silu, plain: rows of v [T, d].
   */
  input: Rows
  form: keyof typeof ConvolutionForm
  /** [T, d]; its records are written if it has any. */
  output: Rows
  /** The output as rows [T * n, d / n], whose records are written instead. */
  parts?: Rows
  /** n, tokens that the filter sees: 1 to 8. */
  taps: number
}

/** Causal convolution over n tokens, channel by channel (assembly/short-convolution.ts). */
export class ShortConvolution extends Call<typeof ShortConvolutionArg> {
  private readonly blocks: number
  private readonly taps: number

  constructor(
    bank: Bank,
    { input, output, parts = output, form, taps }: ShortConvolutionShape,
    private readonly threads: number,
  ) {
    super(bank, Job.shortConvolution, ShortConvolutionArg)
    if (!(taps >= 1 && taps <= MOST_TAPS)) throw new RangeError(`a convolution of ${taps} taps`)
    const columns = padded(output.columns)
    this.blocks = columns / TILE_COLUMNS
    this.taps = taps
    this.bind({
      form: ConvolutionForm[form],
      input: input.address,
      inputStride: input.strideBytes,
      blockBytes: columns * 4,
      channels: output.columns,
      taps,
      output: output.address,
      outputStride: output.strideBytes,
      ...recordsOf(parts),
      recordedBytes: padded(parts.columns) * 4,
    })
  }

  /**
   * Runs the first `count` segments of the table at address `table` (see writeSegment), with `rows` rows in all.
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

export function convolutionStateFloats(channels: number, taps: number): number {
  return (taps - 1) * padded(channels)
}
