import { AttentionArg } from '../abi/attention.js'
import { Job } from '../abi/control.js'
import { CacheCode, TILE_COLUMNS } from '../abi/formats.js'
import type { Bank } from '../memory/bank.js'
import { type CacheFormat, cacheRowBytes, padded } from '../memory/formats.js'
import type { Rows } from '../memory/rows.js'
import { Call } from './call.js'

export interface AttentionShape {
  /** Queries [T * k, channels]: k rows per token. */
  q: Rows
  /** Laid out as the queries; its records are written where it has them. */
  output: Rows
  heads: number
  k: number
  /** Numbers of the cached rows. */
  format: CacheFormat
  /** Length of the stick below which older keys are not visited. */
  enough: number
  /** Where the number of visited keys goes: u32 [T * k, heads]. */
  depths: number
}

/** Stick-breaking attention of new tokens over the cache. */
export class Attention extends Call<AttentionArg> {
  constructor(
    bank: Bank,
    private readonly shape: AttentionShape,
    private readonly threads: number,
  ) {
    super(bank, Job.attention)
    const { q, output, heads, k, format, enough, depths } = shape
    this.set(AttentionArg.q, q.address)
    this.set(AttentionArg.stride, q.strideBytes)
    this.set(AttentionArg.output, output.address)
    if (output.hasRecords) {
      this.set(AttentionArg.records, output.records)
      this.set(AttentionArg.recordStride, output.recordBytes)
    }
    this.set(AttentionArg.cacheStride, cacheRowBytes(q.columns, format))
    this.set(AttentionArg.channels, q.columns)
    this.set(AttentionArg.heads, heads)
    this.set(AttentionArg.k, k)
    this.setFloat(AttentionArg.scale, 1 / Math.sqrt(q.columns / heads))
    this.setFloat(AttentionArg.enough, enough)
    this.set(AttentionArg.padded, padded(q.columns))
    this.set(AttentionArg.depths, depths)
    this.set(AttentionArg.format, CacheCode[format])
  }

  /** `places` is the address of the tokens' places (see allocatePlaces). */
  run(tokens: number, places: number): void {
    const { threads } = this
    const items = tokens * this.shape.k
    const parts = this.partsOf(items)
    const units = items * parts
    const chunkParts = threads === 1 ? units : Math.max(1, Math.min(8, Math.floor(units / (threads * 4))))
    this.set(AttentionArg.places, places)
    this.set(AttentionArg.items, items)
    this.set(AttentionArg.chunkParts, chunkParts)
    this.set(AttentionArg.parts, parts)
    this.start(Math.ceil(units / chunkParts))
  }

  /**
   * Parts that the heads of an item are split into. A decode step alone has only k items, too few for the threads; but the
   * records of the output come in blocks of TILE_COLUMNS channels, which no two threads may share.
   */
  private partsOf(items: number): number {
    const { q, heads } = this.shape
    if (this.threads === 1 || items >= this.threads * 4 || (q.columns / heads) % TILE_COLUMNS !== 0) return 1
    return heads
  }
}
