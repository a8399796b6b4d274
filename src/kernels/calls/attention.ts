import { AttentionArg, MOST_WALKS } from '../abi/attention.js'
import { Job } from '../abi/control.js'
import { CacheCode, TILE_COLUMNS } from '../abi/formats.js'
import type { Bank } from '../memory/bank.js'
import { type CacheFormat, cacheRowBytes, padded } from '../memory/formats.js'
import type { Rows } from '../memory/rows.js'
import { Call, recordsOf } from './call.js'
import { unitsPerChunk } from './chunks.js'

export interface AttentionShape {
  /** Queries [T * k, channels]: k rows per token. A run may have fewer. */
  q: Rows
  /** Laid out as the queries; its records are written if it has any. */
  output: Rows
  heads: number
  k: number
  /** Number type of the cached rows. */
  format: CacheFormat
  /** Remaining length of the stick below which older keys are not visited. */
  enough: number
  /** Address for the numbers of visited keys: u32 [T * k, heads]; or 0. */
  depths: number
}

/** Stick-breaking attention of new tokens over the cache. */
export class Attention extends Call<typeof AttentionArg> {
  constructor(
    bank: Bank,
    private readonly shape: AttentionShape,
    private readonly threads: number,
  ) {
    super(bank, Job.attention, AttentionArg)
    const { q, output, heads, format, enough, depths } = shape
    this.bind(
      {
        q: q.address,
        stride: q.strideBytes,
        output: output.address,
        ...recordsOf(output),
        cacheStride: cacheRowBytes(q.columns, format, heads),
        channels: q.columns,
        heads,
        padded: padded(q.columns),
        depths,
        format: CacheCode[format],
      },
      { scale: 1 / Math.sqrt(q.columns / heads), enough },
    )
  }

  /** `places` is the address of the tokens' places (see allocatePlaces). */
  run(tokens: number, places: number, k = this.shape.k): void {
    const { threads } = this
    const items = tokens * k
    const parts = this.partsOf(items)
    const unitItems = this.unitItems(tokens, k)
    const units = Math.ceil(items / unitItems) * parts
    const chunkUnits = unitsPerChunk(units, threads, 8)
    this.set(AttentionArg.places, places)
    this.set(AttentionArg.k, k)
    this.set(AttentionArg.items, items)
    this.set(AttentionArg.chunkUnits, chunkUnits)
    this.set(AttentionArg.parts, parts)
    this.set(AttentionArg.unitItems, unitItems)
    this.start(Math.ceil(units / chunkUnits))
  }

  /** Number of items that read the cache together: some tokens' items, if each thread gets several times as many. */
  private unitItems(tokens: number, k: number): number {
    const share = Math.floor(tokens / (this.threads * 4))
    return share < 1 || k > MOST_WALKS ? 1 : k * Math.min(share, Math.floor(MOST_WALKS / k))
  }

  /**
   * Number of parts that the heads of an item are divided into. A decode step alone has only k items, too few for the
   * threads; but the records of the output come in blocks of TILE_COLUMNS channels, which no two threads may share.
   */
  private partsOf(items: number): number {
    const { q, heads } = this.shape
    if (this.threads === 1 || items >= this.threads * 4 || (q.columns / heads) % TILE_COLUMNS !== 0) return 1
    return heads
  }
}
