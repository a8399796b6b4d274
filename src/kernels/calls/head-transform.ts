import { Job } from '../abi/control.js'
import { CompressedHeadsArg, HeadPairs, HeadsArg, NormSpan } from '../abi/rows.js'
import type { Bank } from '../memory/bank.js'
import { padded } from '../memory/formats.js'
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

export interface CompressedHeadsShape {
  /** H heads of queries, K heads of keys and values. */
  heads: number
  keyValueHeads: number
  headSize: number
  /** Projections of queries and keys [T, H + K, headSize], each head padded to whole blocks. */
  projected: Rows
  /** Rows [T, 2 halves of K * headSize / 2 | H + K, terms, headSize]; each half and each term is padded. */
  late: Rows
  terms: number
  /** [T, H * headSize] */
  queries: Rows
  /** [T, K * headSize] each. */
  keys: Rows
  values: Rows
}

/** Queries, keys and values of compressed convolutional attention (assembly/compressed-heads.ts). */
export class CompressedHeads extends Call<typeof CompressedHeadsArg> {
  constructor(
    bank: Bank,
    { heads, keyValueHeads, headSize, projected, late, terms, queries, keys, values }: CompressedHeadsShape,
    private readonly threads: number,
  ) {
    super(bank, Job.compressedHeads, CompressedHeadsArg)
    const halfBytes = padded((keyValueHeads * headSize) / 2) * 4
    this.bind({
      heads,
      keyValueHeads,
      headSize,
      headBytes: padded(headSize) * 4,
      terms,
      projected: projected.address,
      projectedStride: projected.strideBytes,
      sums: late.address + 2 * halfBytes,
      halves: late.address,
      termsStride: late.strideBytes,
      halfBytes,
      queries: queries.address,
      queryStride: queries.strideBytes,
      keys: keys.address,
      values: values.address,
      keyStride: keys.strideBytes,
    })
  }

  /** `factors` is the address of a factor for each head of keys. */
  run(tokens: number, factors: number): void {
    const chunkRows = rowsPerChunk(tokens, this.threads)
    this.set(CompressedHeadsArg.factors, factors)
    this.set(CompressedHeadsArg.count, tokens)
    this.set(CompressedHeadsArg.chunkRows, chunkRows)
    this.start(Math.ceil(tokens / chunkRows))
  }
}
