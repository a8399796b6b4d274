import { allocatePlaces, type RowSpan, writePositions, writeTables } from '../../kernels/calls/places.js'
import type { StateRows } from '../../kernels/calls/state-segments.js'
import type { Bank } from '../../kernels/memory/bank.js'
import type { Rows } from '../../kernels/memory/rows.js'
import type { ExpertMask, LayerMasks } from '../config/expert-mask.js'
import type { Mark, SequenceCache } from './cache/sequence-cache.js'
import type { Masks } from './masks.js'
import type { Taps } from './taps.js'

/** A sequence's part of a micro-batch: the number of tokens that follow those in its cache, and its observers. */
export interface Segment {
  tokens: ArrayLike<number>
  cache: SequenceCache
  /** Positions at which the cache keeps checkpoints. */
  marks?: readonly number[]
  /** Number of drafts among the tokens, the last ones: the cache may take them back. */
  drafts?: number
  taps?: Taps
  /** Experts that its tokens must not use. */
  mask?: ExpertMask
}

export interface PlacedSegment extends RowSpan {
  cache: SequenceCache
  taps: Taps
  masks?: LayerMasks
}

export function placeSegments(segments: readonly Segment[], allMasks: Masks): PlacedSegment[] {
  let first = 0
  return segments.map(({ tokens, cache, taps = {}, mask }) => {
    const masks = allMasks.of(mask)
    const { length: position, oldest, rows } = cache
    const pageOf = (position: number) => rows.pageOf(position)
    const placed = { first, count: tokens.length, position, oldest, pageOf, cache, taps, masks }
    first += tokens.length
    return placed
  })
}

/** A sequence's rows in a batch, with the addresses of a layer's running state before and after them. */
export interface StateSpan extends StateRows {
  /** Checkpoints within these rows that want the state. */
  marks: Mark[]
}

/** Caches of a micro-batch's sequences, as attention in a bank sees them: each row has a position and pages. */
export class BatchCache {
  /** Address of the table of places. */
  readonly places: number
  segments: readonly PlacedSegment[] = []

  constructor(
    private readonly bank: Bank,
    maxTokens: number,
  ) {
    this.places = allocatePlaces(bank, maxTokens)
  }

  begin(segments: readonly PlacedSegment[]): void {
    this.segments = segments
    for (const segment of segments) writePositions(this.bank, this.places, segment)
  }

  /**
   * Stores a layer's new rows, each after its sequence's positions so far, and shows attention the pages of that layer.
   * If K = V, `values` is not read.
   */
  append(layer: number, keys: Rows, values: Rows): void {
    for (const segment of this.segments) {
      const { first, count, cache } = segment
      cache.append(layer, first, count, keys, values)
      writeTables(this.bank, this.places, segment, cache.rows.keyTable(layer), cache.rows.valueTable(layer))
    }
  }

  /** Running states of a layer, sequence by sequence. */
  states(layer: number): StateSpan[] {
    return this.segments.map(({ first, count, cache }) => {
      return { first, count, ...cache.stateOf(layer), marks: cache.marksOf(layer) }
    })
  }
}
