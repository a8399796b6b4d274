import {
  allocateConvolutionRows,
  ShortConvolution,
  writeConvolutionRows,
} from '../../kernels/calls/short-convolution.js'
import { padded } from '../../kernels/memory/formats.js'
import type { Rows } from '../../kernels/memory/rows.js'
import type { BatchCache, StateSpan } from './batch-cache.js'
import { Linear } from './linear.js'
import type { Mixer } from './pre-norm-blocks.js'
import type { Workspace } from './workspace.js'

export interface GatedConvolutionOptions {
  /** n, tokens that the filter sees. */
  taps: number
  /** Whether both projections and the filter have biases: pieces `conv.in.bias`, `conv.bias` and `conv.output.bias`. */
  bias: boolean
  isIn: (layer: number) => boolean
}

/**
 * Gated short convolution of LFM2: the three parts of a projection are two gates and the input of a causal filter, one
 * for each channel. Pieces `conv.in.weight`, `conv.taps` and `conv.output.weight`.
 */
export class GatedConvolution implements Mixer {
  readonly y: Rows
  private readonly parts: Rows
  private readonly project: Linear
  private readonly convolution: ShortConvolution
  private readonly output: Linear
  private readonly table: number
  private readonly weights: Record<'input' | 'inputBias' | 'taps' | 'bias' | 'output' | 'outputBias', number>[]

  constructor(
    private readonly workspace: Workspace,
    private readonly options: GatedConvolutionOptions,
  ) {
    const { a, bank, threads, formats, config, maxTokens } = workspace
    const { taps, bias, isIn } = options
    const { width: d } = config
    const format = formats.attention
    this.parts = workspace.rows(1, 3 * padded(d)) //                      [T, B | C | u]
    const c = workspace.rows(1, d, { records: format !== 'f32' }) //      [T, d]
    this.y = workspace.rows(1, d)
    this.project = new Linear(workspace, { format, input: a, output: this.parts })
    this.convolution = new ShortConvolution(bank, { input: this.parts, output: c, taps }, threads)
    this.output = new Linear(workspace, { format, input: c, output: this.y })
    this.table = allocateConvolutionRows(bank, maxTokens)
    this.weights = workspace.addresses(
      {
        input: 'conv.in.weight',
        inputBias: bias && 'conv.in.bias',
        taps: 'conv.taps',
        bias: bias && 'conv.bias',
        output: 'conv.output.weight',
        outputBias: bias && 'conv.output.bias',
      },
      isIn,
    )
  }

  begin(): void {}

  run(layer: number, T: number, cache: BatchCache): void {
    const at = this.weights[layer]
    const spans = cache.states(layer)
    const { bank } = this.workspace
    for (const [i, span] of spans.entries()) writeConvolutionRows(bank, this.table, i, span)
    this.project.run(T, at.input, at.inputBias) //                             B, C, u [T, d] = Win a
    this.convolution.run(this.table, spans.length, T, at.taps, at.bias) //     c [T, d] = C . filter(B . u)
    for (const span of spans) this.keepMarked(span)
    this.output.run(T, at.output, at.outputBias) //                            y [T, d] = Wout c
  }

  /** Copies the states at checkpoints: the last inputs of the filter, B . u, which have replaced B. */
  private keepMarked({ first, before, marks }: StateSpan): void {
    const { f32 } = this.workspace.bank
    const size = padded(this.workspace.config.width)
    const rows = this.options.taps - 1
    for (const { after, state } of marks) {
      for (let i = 0; i < rows; i++) {
        const token = after - rows + i
        const from =
          token < 0 ? before / 4 + (rows + token) * size : this.parts.address / 4 + (first + token) * this.parts.stride
        state.set(f32.subarray(from, from + size), i * size)
      }
    }
  }
}
