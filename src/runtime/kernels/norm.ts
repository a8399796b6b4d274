import { Job, NormArg } from '../abi.js'
import type { Bank } from '../bank.js'
import type { Rows } from '../rows.js'
import { Call } from './call.js'

export interface NormShape {
  /** Residual stream [T, d]. */
  x: Rows
  /** What is added to it first: outputs of the k experts of each token [T * k, d] and the address of their gates [T * k]. */
  experts?: { outputs: Rows; gates: number; k: number }
  /** [T, d]; its records are written where it has them. */
  output: Rows
}

/** Residual addition and LayerNorm. */
export class Norm extends Call<NormArg> {
  constructor(
    bank: Bank,
    { x, experts, output }: NormShape,
    private readonly threads: number,
  ) {
    super(bank, Job.norm)
    this.set(NormArg.x, x.address)
    this.set(NormArg.stride, x.stride)
    this.set(NormArg.columns, x.columns)
    if (experts) {
      this.set(NormArg.y, experts.outputs.address)
      this.set(NormArg.yStride, experts.outputs.strideBytes)
      this.set(NormArg.gates, experts.gates)
      this.set(NormArg.k, experts.k)
    }
    this.set(NormArg.output, output.address)
    if (output.hasRecords) {
      this.set(NormArg.records, output.records)
      this.set(NormArg.recordStride, output.recordBytes)
    }
  }

  /** `weight` and `bias` are addresses of the LayerNorm's vectors, 0 to leave it out. */
  run(tokens: number, weight: number, bias: number): void {
    const chunkTokens = this.threads === 1 ? tokens : Math.max(4, Math.ceil(tokens / (this.threads * 4)))
    this.set(NormArg.tokens, tokens)
    this.set(NormArg.chunkTokens, chunkTokens)
    this.set(NormArg.weight, weight)
    this.set(NormArg.bias, bias)
    this.start(Math.ceil(tokens / chunkTokens))
  }
}
