import { Job } from '../abi/control.js'
import { NormArg, NormKind } from '../abi/rows.js'
import type { Bank } from '../memory/bank.js'
import type { Rows } from '../memory/rows.js'
import { Call, recordsOf } from './call.js'
import { rowsPerChunk } from './chunks.js'

export interface NormShape {
  /** Residual stream [T, d]. */
  x: Rows
  /**
   * Rows that are added to x first, [T * perToken, d], such as the outputs of each token's experts; default of
   * `perToken`: 1. `gates` is the address of a factor for each of them [T * perToken]; default: 1. `scale` is a factor
   * of all. Default: 1.
   */
  add?: { y: Rows; perToken?: number; gates?: number; scale?: number }
  /** Default: LayerNorm. */
  kind?: keyof typeof NormKind
  /** Added to the variance, or to the mean square. Default: 1e-5. */
  epsilon?: number
  /** [T, d]; its records are written if it has any. */
  output: Rows
}

/** Residual addition and LayerNorm or RMSNorm. */
export class Norm extends Call<typeof NormArg> {
  private readonly kind: keyof typeof NormKind
  private readonly epsilon: number
  private readonly scale: number

  constructor(
    bank: Bank,
    { x, add, kind = 'layer', epsilon = 1e-5, output }: NormShape,
    private readonly threads: number,
  ) {
    super(bank, Job.norm, NormArg)
    this.kind = kind
    this.epsilon = epsilon
    this.scale = add?.scale ?? 1
    this.bind(
      {
        x: x.address,
        stride: x.stride,
        columns: x.columns,
        ...(add && { y: add.y.address, yStride: add.y.strideBytes, gates: add.gates ?? 0, k: add.perToken ?? 1 }),
        kind: NormKind[kind],
        output: output.address,
        ...recordsOf(output),
      },
      { epsilon, scale: this.scale, factor: 1 },
    )
  }

  divisorOf(row: Float32Array): number {
    const mean = this.kind === 'layer' ? row.reduce((sum, value) => sum + value, 0) / row.length : 0
    return Math.sqrt(row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / row.length + this.epsilon)
  }

  /** Factors [d] of rows with this sum when a run adds them; `weight` is of `sumWeight`. */
  factorsOf(sum: Float32Array, weight: number): Float32Array {
    if (weight === 0) return sum.map(() => this.scale)
    const squares = sum.reduce((total, value) => total + value ** 2, 0)
    const factor = this.scale / Math.sqrt(squares / sum.length + this.epsilon)
    return this.bank.f32.slice(weight / 4, weight / 4 + sum.length).map((value) => value * factor)
  }

  /** Sets the number of rows per token that the next runs add. */
  perToken(rows: number): this {
    this.set(NormArg.k, rows)
    return this
  }

  /** Sets the address of the weight of an RMSNorm of these rows' sum in the next runs; 0 for none. */
  sumWeight(weight: number): this {
    this.set(NormArg.sumWeight, weight)
    return this
  }

  /**
   * Sets what scales the next additions: x = (x + bias) factor + (rows + bias) factor. `factors` and `biases` are
   * addresses of two vectors each, for x and for the rows; 0 for plain additions.
   */
  scaledBy(factors: number, biases: number): this {
    this.set(NormArg.scales, factors)
    this.set(NormArg.biases, biases)
    return this
  }

  /** Sets the factor of x after the next additions. */
  times(factor: number): this {
    this.setFloat(NormArg.factor, factor)
    return this
  }

  /**
   * `weight` and `bias` are addresses of the norm's vectors; without a weight (0) only the addition is made. `added` is
   * the address of one more row that is added to x, once per token; 0 if there is none.
   */
  run(tokens: number, weight = 0, bias = 0, added = 0): void {
    const chunkTokens = rowsPerChunk(tokens, this.threads)
    this.set(NormArg.tokens, tokens)
    this.set(NormArg.chunkTokens, chunkTokens)
    this.set(NormArg.weight, weight)
    this.set(NormArg.bias, bias)
    this.set(NormArg.added, added)
    this.start(Math.ceil(tokens / chunkTokens))
  }
}
