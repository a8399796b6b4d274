import { padded } from '../../../kernels/memory/formats.js'
import type { Rows } from '../../../kernels/memory/rows.js'
import type { BatchCache } from '../batch-cache.js'
import { Linear } from '../linear.js'
import type { Mixer } from '../pre-norm-blocks.js'
import type { Workspace } from '../workspace.js'
import { CausalConvolution } from './causal-convolution.js'

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
  private readonly project: Linear
  private readonly convolution: CausalConvolution
  private readonly output: Linear
  private readonly weights: Record<'input' | 'inputBias' | 'taps' | 'bias' | 'output' | 'outputBias', number>[]

  constructor(workspace: Workspace, { taps, bias, isIn }: GatedConvolutionOptions) {
    const { a, formats, config } = workspace
    const { width: d } = config
    const format = formats.attention
    const parts = workspace.rows(1, 3 * padded(d)) //                     [T, B | C | u]
    const c = workspace.rows(1, d, { records: format !== 'f32' }) //      [T, d]
    this.y = workspace.rows(1, d)
    this.project = new Linear(workspace, { format, input: a, output: parts })
    this.convolution = new CausalConvolution(workspace, { form: 'gated', input: parts, output: c, taps })
    this.output = new Linear(workspace, { format, input: c, output: this.y })
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
    this.project.run(T, at.input, at.inputBias) //                         B, C, u [T, d] = Win a
    this.convolution.run(cache.states(layer), T, at.taps, at.bias) //      c [T, d] = C . filter(B . u)
    this.output.run(T, at.output, at.outputBias) //                        y [T, d] = Wout c
  }
}
