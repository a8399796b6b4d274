import {
  SOFTMAX_ENTRY_BYTES,
  SOFTMAX_ENTRY_SUMS,
  SOFTMAX_SPAN,
  SOFTMAX_UNIT_BYTES,
  SOFTMAX_WEIGHT_BYTES,
  SoftmaxArg,
  SoftmaxUnit,
} from '../abi/attention.js'
import { Job } from '../abi/control.js'
import { CacheCode, PAGE_ROWS, TILE_COLUMNS } from '../abi/formats.js'
import { fusesVectors } from '../compiler/compile.js'
import type { Bank } from '../memory/bank.js'
import { type CacheFormat, cacheHeadBytes, roundUp } from '../memory/formats.js'
import type { Rows } from '../memory/rows.js'
import { Call, recordsOf } from './call.js'
import { unitsPerChunk } from './chunks.js'
import type { RowSpan } from './places.js'
import { type Division, divideRows } from './softmax-units.js'

export interface SoftmaxAttentionShape {
  /** Queries [T * perToken, heads * headSize]. */
  q: Rows
  /** [T * perToken, heads * size of a value]; its records are written if it has any. */
  output: Rows
  /** Query head h reads key/value head h / (heads / keyValueHeads), rounded down. */
  heads: number
  keyValueHeads: number
  headSize: number
  /** Channels of a value, if values are the first channels of their keys. Default: values of their own, as wide as keys. */
  valueSize?: number
  /** Rows of queries per token; they share keys and values. Default: 1. */
  perToken?: number
  /** Factor of q . k. */
  scale: number
  /** Maximum number of keys that a token sees, including its own. Default: all. */
  window?: number
  /** Number type of the cached rows. */
  format: CacheFormat
}

/** Bytes of the largest score and the sum of exponentials, which precede the values of a sum. */
const SUM_HEAD = 16

/**
 * Numbers of queries that share a head of keys and values and read its rows together: at most, and with many threads. All
 * queries of a token that share one head are many.
 */
const UNIT_QUERIES = { most: 64, least: 16, leastOfToken: 4 }

/** A range of a bank that grows with the context and the number of sequences. */
class Room {
  address = 0
  private bytes = 0

  constructor(private readonly bank: Bank) {}

  /** Enlarges the range to at least `bytes` bytes; its contents may be lost. */
  reserve(bytes: number): void {
    if (this.bytes >= bytes) return
    const { arena } = this.bank
    const former = { address: this.address, bytes: this.bytes }
    // Forgotten first: if there is no room for a larger range, other code may use this one.
    this.bytes = 0
    if (former.bytes > 0) arena.release(former.address, former.bytes)
    const size = roundUp(2 * bytes, 4096)
    this.address = arena.allocate(size)
    this.bytes = size
  }
}

/** Grouped-query softmax attention of new tokens over their caches. */
export class SoftmaxAttention extends Call<typeof SoftmaxArg> {
  private readonly division: Division
  /** Sums that pass from the first units to the merges. */
  private readonly sums: Room
  private readonly units: Room
  /** Units of the current batch. */
  private first = { count: 0, chunkUnits: 1 }
  private merges = { count: 0, chunkUnits: 1 }

  constructor(bank: Bank, shape: SoftmaxAttentionShape, threads: number) {
    super(bank, Job.softmaxAttention, SoftmaxArg)
    const { q, output, heads, keyValueHeads, headSize, perToken = 1, scale, window = 0, format } = shape
    const { valueSize = headSize } = shape
    const valuesInKeys = shape.valueSize !== undefined
    this.sums = new Room(bank)
    this.units = new Room(bank)
    const group = heads / keyValueHeads
    const parts = (group * valueSize) % TILE_COLUMNS === 0 ? keyValueHeads : 1
    const sumBytes = SUM_HEAD + roundUp(valueSize, 4) * 4
    const rowsOf = (queries: number) => (parts < keyValueHeads ? 1 : Math.max(1, Math.floor(queries / group)))
    const least = valuesInKeys ? UNIT_QUERIES.leastOfToken : UNIT_QUERIES.least
    const [unitRows, leastRows] = [rowsOf(UNIT_QUERIES.most), rowsOf(least)]
    const spanBytes = heads * sumBytes
    this.division = { threads, perToken, window, heads: keyValueHeads, parts, unitRows, leastRows, spanBytes }
    const queries = Math.max(heads, (heads / parts) * unitRows)
    const rowBytes = (1 + Math.ceil(headSize / SOFTMAX_SPAN)) * SOFTMAX_WEIGHT_BYTES
    const scratchBytes = roundUp(queries * (2 * sumBytes + rowBytes) + PAGE_ROWS * headSize * 4, 64)
    this.bind(
      {
        q: q.address,
        qStride: q.strideBytes,
        output: output.address,
        outputStride: output.strideBytes,
        ...recordsOf(output),
        cacheStride: cacheHeadBytes(headSize, format),
        format: CacheCode[format],
        heads,
        keyValueHeads,
        headSize,
        valueSize,
        valuesInKeys: valuesInKeys ? 1 : 0,
        perToken,
        window,
        scratch: bank.arena.allocate(scratchBytes * threads),
        scratchBytes,
        isWide: fusesVectors(bank.module) ? 1 : 0,
      },
      { scale },
    )
  }

  /** Prepares for a batch with these rows; `run` then serves each of its layers. */
  begin(spans: readonly RowSpan[]): void {
    const { first, merges, entries, sumBytes } = divideRows(spans, this.division)
    const words = first.words.length + merges.words.length
    this.units.reserve((words + entries.length) * 4)
    this.sums.reserve(sumBytes)
    const { u32 } = this.bank
    const at = this.units.address / 4
    u32.set(first.words, at)
    u32.set(merges.words, at + first.words.length)
    u32.set(entries, at + words)
    for (let i = at; i < at + words; i += SOFTMAX_UNIT_BYTES / 4) {
      u32[i + SoftmaxUnit.sums / 4] += this.sums.address
      u32[i + SoftmaxUnit.list / 4] += (at + words) * 4
    }
    for (let i = SOFTMAX_ENTRY_SUMS / 4; i < entries.length; i += SOFTMAX_ENTRY_BYTES / 4) {
      u32[at + words + i] += this.sums.address
    }
    const { threads } = this.division
    this.first = { count: first.count, chunkUnits: unitsPerChunk(first.count, threads, first.areUneven ? 1 : 8) }
    this.merges = { count: merges.count, chunkUnits: unitsPerChunk(merges.count, threads, 8) }
  }

  /**
   * Computes the attention of the batch given to `begin`. `places` is the address of its tokens' places (see
   * allocatePlaces). `sinks` is the address of a score for each head of queries that takes part in its softmax without a
   * value; 0 if there are none.
   */
  run(places: number, sinks = 0): void {
    const { first, merges, units } = this
    this.set(SoftmaxArg.places, places)
    this.set(SoftmaxArg.sinks, sinks)
    this.share(units.address, first)
    if (merges.count > 0) this.share(units.address + first.count * SOFTMAX_UNIT_BYTES, merges)
  }

  private share(units: number, { count, chunkUnits }: { count: number; chunkUnits: number }): void {
    this.set(SoftmaxArg.units, units)
    this.set(SoftmaxArg.count, count)
    this.set(SoftmaxArg.chunkUnits, chunkUnits)
    this.start(Math.ceil(count / chunkUnits))
  }
}
