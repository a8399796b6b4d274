import { SOFTMAX_SPAN, SOFTMAX_WEIGHT_BYTES, SoftmaxArg, SoftmaxPhase } from '../abi/attention.js'
import { Job } from '../abi/control.js'
import { CacheCode, TILE_COLUMNS } from '../abi/formats.js'
import type { Bank } from '../bank.js'
import { type CacheFormat, cacheHeadBytes, roundUp } from '../formats.js'
import type { Rows } from '../rows.js'
import { Call } from './call.js'

export interface SoftmaxAttentionShape {
  /** Queries [T * perToken, heads * headSize]. */
  q: Rows
  /** Laid out as the queries; its records are written where it has them. */
  output: Rows
  /** Query head h reads key/value head h / (heads / keyValueHeads), rounded down. */
  heads: number
  keyValueHeads: number
  headSize: number
  /** Rows of queries per token, which share keys and values. Default 1. */
  perToken?: number
  /** Factor of q . k. */
  scale: number
  /** Keys that a token sees at most, itself among them; absent: all. */
  window?: number
  /** Numbers of the cached rows. */
  format: CacheFormat
}

/** Bytes of the largest score and the sum of exponentials that stand before the values of a sum. */
const SUM_HEAD = 16

/** Queries that share a head of keys and values, and read its rows together, at most. */
const UNIT_QUERIES = 16

/** Grouped-query softmax attention of new tokens over the cache. */
export class SoftmaxAttention extends Call<SoftmaxArg> {
  /** Parts of the heads of a row, each a unit of its own. */
  private readonly parts: number
  /** Rows of queries of a unit. */
  private readonly unitRows: number
  /** Bytes of the sums of all heads of a row over one span. */
  private readonly spanBytes: number
  private partials = { address: 0, bytes: 0 }

  constructor(
    bank: Bank,
    private readonly shape: SoftmaxAttentionShape,
    private readonly threads: number,
  ) {
    super(bank, Job.softmaxAttention)
    const { q, output, heads, keyValueHeads, headSize, perToken = 1, scale, window = 0, format } = shape
    const group = heads / keyValueHeads
    this.parts = (group * headSize) % TILE_COLUMNS === 0 ? keyValueHeads : 1
    const sumBytes = SUM_HEAD + roundUp(headSize, 4) * 4
    this.spanBytes = heads * sumBytes
    this.unitRows = this.parts === 1 ? 1 : Math.max(1, Math.floor(UNIT_QUERIES / group))
    const queries = Math.max(heads, (heads / this.parts) * this.unitRows)
    const scratchBytes = roundUp(queries * (2 * sumBytes + SOFTMAX_WEIGHT_BYTES), 64)
    this.set(SoftmaxArg.q, q.address)
    this.set(SoftmaxArg.qStride, q.strideBytes)
    this.set(SoftmaxArg.output, output.address)
    this.set(SoftmaxArg.outputStride, output.strideBytes)
    if (output.hasRecords) {
      this.set(SoftmaxArg.records, output.records)
      this.set(SoftmaxArg.recordStride, output.recordBytes)
    }
    this.set(SoftmaxArg.cacheStride, cacheHeadBytes(headSize, format))
    this.set(SoftmaxArg.format, CacheCode[format])
    this.set(SoftmaxArg.heads, heads)
    this.set(SoftmaxArg.keyValueHeads, keyValueHeads)
    this.set(SoftmaxArg.headSize, headSize)
    this.set(SoftmaxArg.perToken, perToken)
    this.setFloat(SoftmaxArg.scale, scale)
    this.set(SoftmaxArg.window, window)
    this.set(SoftmaxArg.scratch, bank.arena.allocate(scratchBytes * threads))
    this.set(SoftmaxArg.scratchBytes, scratchBytes)
  }

  /** `keys` and `values` are addresses of page tables; `position` is that of the first token, `oldest` the first kept. */
  run(tokens: number, keys: number, values: number, position: number, oldest: number): void {
    const { perToken = 1, window = 0 } = this.shape
    this.set(SoftmaxArg.keys, keys)
    this.set(SoftmaxArg.values, values)
    this.set(SoftmaxArg.position, position)
    this.set(SoftmaxArg.oldest, oldest)
    const items = tokens * perToken
    const { parts, unitRows, threads } = this
    const first = window > 0 ? Math.max(oldest, position - window + 1) : oldest
    const spans = spanOf(position + tokens - 1) - spanOf(first) + 1
    this.set(SoftmaxArg.items, items)
    const areFew = items < 2 * unitRows || Math.ceil(items / unitRows) * parts < threads * 8
    if (!areFew || (items > 2 && spans === 1)) return this.share(SoftmaxPhase.whole, items, parts, unitRows)
    if (spans === 1) return this.share(SoftmaxPhase.whole, items, this.partsFor(items))
    this.set(SoftmaxArg.spans, spans)
    this.set(SoftmaxArg.partials, this.roomFor(items * spans * this.spanBytes))
    this.share(SoftmaxPhase.partial, items * spans, this.partsFor(items * spans))
    this.share(SoftmaxPhase.merge, items, parts)
  }

  /**
   * As few parts as give every thread two units of `count` rows or spans: the heads of a part lie side by side in a page,
   * and memory is read fastest in long runs.
   */
  private partsFor(count: number): number {
    let parts = 1
    while (parts < this.parts && (count * parts < this.threads * 2 || this.parts % parts > 0)) parts++
    return parts
  }

  /** Runs a phase on `count` rows, or spans of rows, `unitRows` to a unit and each in `parts`. */
  private share(phase: SoftmaxPhase, count: number, parts: number, unitRows = 1): void {
    const units = Math.ceil(count / unitRows) * parts
    const most = phase === SoftmaxPhase.partial ? 1 : 8
    const share = Math.floor(units / (this.threads * 4))
    const chunkUnits = this.threads === 1 ? units : Math.max(1, Math.min(most, share))
    this.set(SoftmaxArg.phase, phase)
    this.set(SoftmaxArg.parts, parts)
    this.set(SoftmaxArg.unitRows, unitRows)
    this.set(SoftmaxArg.units, units)
    this.set(SoftmaxArg.chunkUnits, chunkUnits)
    this.start(Math.ceil(units / chunkUnits))
  }

  /** Room for the sums of spans, which grows with the context. */
  private roomFor(bytes: number): number {
    const { partials, bank } = this
    if (partials.bytes >= bytes) return partials.address
    // The former room is forgotten first: where there is no place for the new one, someone else has it from now on.
    this.partials = { address: 0, bytes: 0 }
    if (partials.bytes > 0) bank.arena.release(partials.address, partials.bytes)
    const room = roundUp(2 * bytes, 4096)
    this.partials = { address: bank.arena.allocate(room), bytes: room }
    return this.partials.address
  }
}

/** Number of the span that a position lies in. */
function spanOf(position: number): number {
  return Math.floor(position / SOFTMAX_SPAN)
}
