import { STATE_SEGMENT_BYTES, StateSegment } from '../abi/states.js'
import type { Bank } from '../memory/bank.js'

/** Neighbouring rows of one sequence, and the addresses of its state. */
export interface StateRows {
  first: number
  count: number
  /** State before the first row. */
  before: number
  /** Receives the state after the last row; may be the same address. */
  after: number
}

/** Allocates a table of `count` segments; returns its address. */
export function allocateSegments(bank: Bank, count: number): number {
  return bank.arena.allocate(count * STATE_SEGMENT_BYTES)
}

export function writeSegment(
  bank: Bank,
  table: number,
  segment: number,
  { first, count, before, after }: StateRows,
): void {
  const words = bank.u32
  const at = table + segment * STATE_SEGMENT_BYTES
  words[(at + StateSegment.first) / 4] = first
  words[(at + StateSegment.count) / 4] = count
  words[(at + StateSegment.before) / 4] = before
  words[(at + StateSegment.after) / 4] = after
}
