import { SOFTMAX_SPAN } from '../abi/attention.js'
import type { RowSpan } from './places.js'

/** A row of queries that sees keys of a span. */
export interface SpanRow {
  /** Number of the row. */
  item: number
  span: number
  /** Place of the sums. */
  sums: number
}

/**
 * Groups rows that see all keys of a span in the same pages, such as sequences with a common beginning. Each group reads
 * the keys once and has at most `most` rows; a row that shares its keys with no other has a group of its own.
 */
export class SharedSpans {
  readonly groups: SpanRow[][] = []
  /** The group that is not full, by the last page of its keys. */
  private readonly open = new Map<number, SpanRow[]>()

  constructor(private readonly most: number) {}

  /** Adds a row of a token at position `at`, which sees the keys from `first` on. */
  add(row: SpanRow, { pageOf }: RowSpan, first: number, at: number): void {
    const begin = row.span * SOFTMAX_SPAN
    const end = begin + SOFTMAX_SPAN - 1
    // Sequences that share a page share all before it, too.
    const page = first <= begin && at >= end ? (pageOf?.(end) ?? 0) : 0
    const open = page === 0 ? undefined : this.open.get(page)
    if (open && open.length < this.most) {
      open.push(row)
      return
    }
    const group = [row]
    this.groups.push(group)
    if (page !== 0) this.open.set(page, group)
  }
}
