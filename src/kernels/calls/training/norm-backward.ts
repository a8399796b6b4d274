import { Job } from '../../abi/control.js'
import { NormKind } from '../../abi/rows.js'
import { NormBackwardArg } from '../../abi/training.js'
import type { Bank } from '../../memory/bank.js'
import type { Rows } from '../../memory/rows.js'
import { Call } from '../call.js'
import { rowsPerChunk } from '../chunks.js'

export interface NormBackwardShape {
  /** Inputs of the norm [T, d]. */
  x: Rows
  /** Gradients of the norm's outputs; they are overwritten. */
  gradient: Rows
  /** Rows that may be overwritten. */
  scratch: Rows
  /** Gradients of x; the result is added to them. */
  output: Rows
  /** Default: LayerNorm. */
  kind?: keyof typeof NormKind
  epsilon?: number
}

/** Backward pass of LayerNorm or RMSNorm. */
export class NormBackward extends Call<typeof NormBackwardArg> {
  constructor(
    bank: Bank,
    { x, gradient, scratch, output, kind = 'layer', epsilon = 1e-5 }: NormBackwardShape,
    private readonly threads: number,
  ) {
    super(bank, Job.normBackward, NormBackwardArg)
    this.bind(
      {
        x: x.address,
        stride: x.strideBytes,
        columns: x.columns,
        gradient: gradient.address,
        scratch: scratch.address,
        output: output.address,
        kind: NormKind[kind],
      },
      { epsilon },
    )
  }

  run(tokens: number, weight: number): void {
    const chunkTokens = rowsPerChunk(tokens, this.threads)
    this.set(NormBackwardArg.tokens, tokens)
    this.set(NormBackwardArg.chunkTokens, chunkTokens)
    this.set(NormBackwardArg.weight, weight)
    this.start(Math.ceil(tokens / chunkTokens))
  }
}
