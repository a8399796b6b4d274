import {
  convolutionStateFloats,
  ShortConvolution,
  type ShortConvolutionShape,
} from '../../../kernels/calls/short-convolution.js'
import { allocateSegments, writeSegment } from '../../../kernels/calls/state-segments.js'
import { padded } from '../../../kernels/memory/formats.js'
import type { StateSpan } from '../batch-cache.js'
import type { Workspace } from '../workspace.js'

export interface CausalConvolutionShape extends ShortConvolutionShape {
  /** Bytes before its part of a layer's running state. Default: 0. */
  stateOffset?: number
}

/** Causal convolution over the tokens of each sequence, whose last inputs are a part of a layer's running state. */
export class CausalConvolution {
  /** Floats of the state: [n - 1, channels], each row padded. */
  readonly stateFloats: number
  private readonly convolution: ShortConvolution
  private readonly table: number

  constructor(
    private readonly workspace: Workspace,
    private readonly shape: CausalConvolutionShape,
  ) {
    const { bank, threads, maxTokens } = workspace
    this.stateFloats = convolutionStateFloats(shape.output.columns, shape.taps)
    this.convolution = new ShortConvolution(bank, shape, threads)
    this.table = allocateSegments(bank, maxTokens)
  }

  /** `taps` and `bias` are addresses of the filter [n, channels] and its bias; 0 for none. */
  run(spans: readonly StateSpan[], tokens: number, taps: number, bias = 0): void {
    const { stateOffset: offset = 0 } = this.shape
    for (const [i, { before, after, ...rows }] of spans.entries()) {
      const state = { before: before + offset, after: after + offset }
      writeSegment(this.workspace.bank, this.table, i, { ...rows, ...state })
    }
    // The kernel may overwrite the state before these rows, and writes what follows it in the rows.
    for (const span of spans) this.keepMarked(span, true)
    this.convolution.run(this.table, spans.length, tokens, taps, bias)
    for (const span of spans) this.keepMarked(span, false)
  }

  /** Copies the states at checkpoints: the last inputs of the filter, those before these rows or those in them. */
  private keepMarked({ first, before, marks }: StateSpan, areBefore: boolean): void {
    const { f32 } = this.workspace.bank
    const { input, output, taps, stateOffset: offset = 0 } = this.shape
    const size = padded(output.columns)
    for (const { after, state } of marks) {
      for (let i = 0; i < taps - 1; i++) {
        const token = after - (taps - 1) + i
        if (token < 0 !== areBefore) continue
        const from =
          token < 0
            ? (before + offset) / 4 + (taps - 1 + token) * size
            : input.address / 4 + (first + token) * input.stride
        state.set(f32.subarray(from, from + size), offset / 4 + i * size)
      }
    }
  }
}
