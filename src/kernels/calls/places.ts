import { PLACE_BYTES, Place } from '../abi/attention.js'
import type { Bank } from '../memory/bank.js'

/** Neighbouring rows of a micro-batch that hold the tokens of one sequence. */
export interface RowSpan {
  first: number
  count: number
  /** Position of the first token in its sequence. */
  position: number
  /** Oldest position that the sequence still keeps. */
  oldest: number
  /** Page with the keys of a position. Sequences with the same page share it and all before. Absent: they share none. */
  pageOf?(position: number): number
}

/** Allocates a table of places for `tokens` tokens; returns its address. */
export function allocatePlaces(bank: Bank, tokens: number): number {
  return bank.arena.allocate(tokens * PLACE_BYTES)
}

export function writePositions(bank: Bank, places: number, { first, count, position, oldest }: RowSpan): void {
  const words = bank.u32
  for (let i = 0; i < count; i++) {
    const at = places + (first + i) * PLACE_BYTES
    words[(at + Place.position) / 4] = position + i
    words[(at + Place.oldest) / 4] = oldest
  }
}

/** Writes the cache of each token of a span: its tables of pages of keys and of values. */
export function writeTables(bank: Bank, places: number, { first, count }: RowSpan, keys: number, values: number): void {
  const words = bank.u32
  for (let i = 0; i < count; i++) {
    const at = places + (first + i) * PLACE_BYTES
    words[(at + Place.keys) / 4] = keys
    words[(at + Place.values) / 4] = values
  }
}
