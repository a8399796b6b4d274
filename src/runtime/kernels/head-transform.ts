import { Job } from '../abi/control.js'
import { HeadsArg, NormSpan } from '../abi/rows.js'
import type { Bank } from '../memory/bank.js'
import type { Rows } from '../memory/rows.js'
import { Call } from './call.js'

export interface HeadTransformShape {
  /** Rows of heads [T * perToken, heads * headSize], changed in place. */
  rows: Rows
  headSize: number
  /** Rows of the same position. Default 1. */
  perToken?: number
  /** RMSNorm over a whole row, or over each head. */
  norm?: { span: 'row' | 'head'; epsilon: number }
  /** Clamps to [-clip, clip]. */
  clip?: number
  /** Rotary positions: cosines and sines [T, headSize / 2]. */
  rope?: { cos: Rows; sin: Rows }
}

/** Norm, clamp and rotation of rows of heads, in this order. */
export class HeadTransform extends Call<HeadsArg> {
  private readonly perToken: number

  constructor(
    bank: Bank,
    { rows, headSize, perToken = 1, norm, clip = 0, rope }: HeadTransformShape,
    private readonly threads: number,
  ) {
    super(bank, Job.heads)
    this.perToken = perToken
    this.set(HeadsArg.rows, rows.address)
    this.set(HeadsArg.stride, rows.strideBytes)
    this.set(HeadsArg.perToken, perToken)
    this.set(HeadsArg.columns, rows.columns)
    this.set(HeadsArg.headSize, headSize)
    this.set(HeadsArg.span, NormSpan[norm?.span ?? 'none'])
    this.setFloat(HeadsArg.epsilon, norm?.epsilon ?? 0)
    this.setFloat(HeadsArg.clip, clip)
    if (rope) {
      this.set(HeadsArg.cos, rope.cos.address)
      this.set(HeadsArg.sin, rope.sin.address)
      this.set(HeadsArg.angleStride, rope.cos.strideBytes)
    }
  }

  /** `weight` is the address of the norm's vector. */
  run(tokens: number, weight = 0): void {
    const count = tokens * this.perToken
    const chunkRows = this.threads === 1 ? count : Math.max(4, Math.ceil(count / (this.threads * 4)))
    this.set(HeadsArg.weight, weight)
    this.set(HeadsArg.count, count)
    this.set(HeadsArg.chunkRows, chunkRows)
    this.start(Math.ceil(count / chunkRows))
  }
}
