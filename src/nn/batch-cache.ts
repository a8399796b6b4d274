import { allocatePlaces, type RowSpan, writePositions, writeTables } from '../runtime/kernels/places.js'
import type { Bank } from '../runtime/memory/bank.js'
import type { Rows } from '../runtime/memory/rows.js'
import type { KVCache } from './kv-cache.js'
import type { Taps } from './taps.js'

/** What a sequence brings to a micro-batch: tokens that follow those in its cache, and who looks on. */
export interface Segment {
  tokens: ArrayLike<number>
  cache: KVCache
  taps?: Taps
}

/** A segment in its place: the rows of its tokens, and their positions. */
export interface PlacedSegment extends RowSpan {
  cache: KVCache
  taps: Taps
}

/** Places segments one after the other. */
export function placeSegments(segments: readonly Segment[]): PlacedSegment[] {
  let first = 0
  return segments.map(({ tokens, cache, taps = {} }) => {
    const placed = { first, count: tokens.length, position: cache.length, oldest: cache.oldest, cache, taps }
    first += tokens.length
    return placed
  })
}

/**
 * The caches of all sequences in a micro-batch, as attention in one bank sees them: each row has a position, and pages of its
 * own sequence.
 */
export class BatchCache {
  /** Address of the places of the batch's tokens. */
  readonly places: number
  /** Sequences of the batch at hand. */
  segments: readonly PlacedSegment[] = []

  constructor(
    private readonly bank: Bank,
    maxTokens: number,
  ) {
    this.places = allocatePlaces(bank, maxTokens)
  }

  /** Takes up another batch. */
  begin(segments: readonly PlacedSegment[]): void {
    this.segments = segments
    for (const segment of segments) writePositions(this.bank, this.places, segment)
  }

  /**
   * Stores new rows of a layer, each after the positions of its sequence so far, and shows attention the pages of that layer.
   * Where K = V, `values` is not read.
   */
  append(layer: number, keys: Rows, values: Rows): void {
    for (const segment of this.segments) {
      const { first, count, cache } = segment
      cache.append(layer, first, count, keys, values)
      writeTables(this.bank, this.places, segment, cache.keyTable(layer), cache.valueTable(layer))
    }
  }
}
