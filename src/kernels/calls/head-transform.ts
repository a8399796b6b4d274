import { Job } from '../abi/control.js'
import { HeadPairs, HeadsArg, NormSpan } from '../abi/rows.js'
import type { Bank } from '../memory/bank.js'
import type { Rows } from '../memory/rows.js'
import { Call } from './call.js'
import { rowsPerChunk } from './chunks.js'

export interface HeadTransformShape {
  /** Rows of heads [T * perToken, heads * headSize], changed in place. */
  rows: Rows
  headSize: number
  /** Rows per position. Default: 1. A run may have fewer. */
  perToken?: number
  /** RMSNorm over a whole row, or over each head. */
  norm?: { span: 'row' | 'head'; epsilon: number }
  /** Clamps to [-clip, clip]. */
  clip?: number
  /**
   * Rotary positions: cosines and sines [T, R / 2] of the first R channels of a head, and which of these turn together.
   * Default: halves.
   */
  rope?: { cos: Rows; sin: Rows; pairs?: keyof typeof HeadPairs }
}

/** Norm, clamp and rotation of rows of heads, in this order. */
export class HeadTransform extends Call<typeof HeadsArg> {
  private readonly perToken: number

  constructor(
    bank: Bank,
    { rows, headSize, perToken = 1, norm, clip = 0, rope }: HeadTransformShape,
    private readonly threads: number,
  ) {
    super(bank, Job.heads, HeadsArg)
    this.perToken = perToken
    this.bind(
      {
        rows: rows.address,
        stride: rows.strideBytes,
        columns: rows.columns,
        headSize,
        span: NormSpan[norm?.span ?? 'none'],
        ...(rope && {
          cos: rope.cos.address,
          sin: rope.sin.address,
          angleStride: rope.cos.strideBytes,
          turned: 2 * rope.cos.columns,
        }),
        pairs: HeadPairs[rope?.pairs ?? 'halves'],
      },
      { epsilon: norm?.epsilon ?? 0, clip },
    )
  }

  /** `weight` is the address of the norm's vector. */
  run(tokens: number, weight = 0, perToken = this.perToken): void {
    const count = tokens * perToken
    const chunkRows = rowsPerChunk(count, this.threads)
    this.set(HeadsArg.weight, weight)
    this.set(HeadsArg.perToken, perToken)
    this.set(HeadsArg.count, count)
    this.set(HeadsArg.chunkRows, chunkRows)
    this.start(Math.ceil(count / chunkRows))
  }
}
