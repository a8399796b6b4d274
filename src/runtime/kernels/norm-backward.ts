import { Job } from '../abi/control.js'
import { NormKind } from '../abi/rows.js'
import { NormBackwardArg } from '../abi/training.js'
import type { Bank } from '../memory/bank.js'
import type { Rows } from '../memory/rows.js'
import { Call } from './call.js'

export interface NormBackwardShape {
  /** What was normalised [T, d]. */
  x: Rows
  /** Gradients of what the norm gave; they are overwritten. */
  gradient: Rows
  /** Rows that may be overwritten. */
  scratch: Rows
  /** Gradients of x, which the result is added to. */
  output: Rows
  /** Default LayerNorm with the epsilon of ModuleFormer. */
  kind?: keyof typeof NormKind
  epsilon?: number
}

/** Back through LayerNorm or RMSNorm. */
export class NormBackward extends Call<NormBackwardArg> {
  constructor(
    bank: Bank,
    { x, gradient, scratch, output, kind = 'layer', epsilon = 1e-5 }: NormBackwardShape,
    private readonly threads: number,
  ) {
    super(bank, Job.normBackward)
    this.set(NormBackwardArg.x, x.address)
    this.set(NormBackwardArg.stride, x.strideBytes)
    this.set(NormBackwardArg.columns, x.columns)
    this.set(NormBackwardArg.gradient, gradient.address)
    this.set(NormBackwardArg.scratch, scratch.address)
    this.set(NormBackwardArg.output, output.address)
    this.set(NormBackwardArg.kind, NormKind[kind])
    this.setFloat(NormBackwardArg.epsilon, epsilon)
  }

  /** `weight` is the address of the norm's weights. */
  run(tokens: number, weight: number): void {
    const { threads } = this
    const chunkTokens = threads === 1 ? tokens : Math.max(4, Math.ceil(tokens / (threads * 4)))
    this.set(NormBackwardArg.tokens, tokens)
    this.set(NormBackwardArg.chunkTokens, chunkTokens)
    this.set(NormBackwardArg.weight, weight)
    this.start(Math.ceil(tokens / chunkTokens))
  }
}
