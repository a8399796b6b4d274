import { SOFTMAX_SPAN, SOFTMAX_UNIT_BYTES, SoftmaxTask, SoftmaxUnit } from '../abi/attention.js'
import type { RowSpan } from './places.js'

/** Words of a unit. */
const WORDS = SOFTMAX_UNIT_BYTES / 4

/** How softmax attention can be divided. */
export interface Division {
  threads: number
  /** Rows of queries per token. */
  perToken: number
  /** Keys that a row sees at most; 0: all. */
  window: number
  /** Heads of keys and values. */
  heads: number
  /** Parts that these may be divided into, so that each writes whole records: 1, or `heads`. */
  parts: number
  /** Rows of queries that one unit takes at most, where it has a part of the heads. */
  unitRows: number
  /** Bytes of the sums of a row over one span, for all heads. */
  spanBytes: number
}

/** Units of a micro-batch, in the words of SoftmaxUnit; sums are counted in bytes from the start of their room. */
export interface Units {
  /** Units that can run at once, in any order. */
  first: { words: number[]; count: number; areUneven: boolean }
  /** Those that put together what the first have left. */
  merges: { words: number[]; count: number }
  /** Bytes of the sums that pass from the first to the merges. */
  sumBytes: number
}

/**
 * Divides the rows of a micro-batch among threads. Neighbouring rows of one sequence share units, which read the keys once
 * for all of them. A long cache that few rows look at is divided by spans of keys instead: a row of a decode step, and all
 * where there are too few rows for the threads.
 */
export function divideRows(spans: readonly RowSpan[], division: Division): Units {
  const { threads, perToken, window, heads, parts, unitRows, spanBytes } = division
  const grouped = spans.reduce((sum, { count }) => sum + Math.ceil((count * perToken) / unitRows) * parts, 0)
  const areFew = grouped < threads * 8
  const bySpan: RowSpan[] = []
  const byRow: RowSpan[] = []
  const together: RowSpan[] = []
  for (const span of spans) {
    const rows = span.count * perToken
    const isLong = spanOf(span.position + span.count - 1) > spanOf(firstKey(span.oldest, span.position, window))
    if (isLong && (areFew || rows < 2 * unitRows)) bySpan.push(span)
    else if (rows > 2) together.push(span)
    else byRow.push(span)
  }

  const first: number[] = []
  const merges: number[] = []
  let sumBytes = 0
  const add = (to: number[], task: SoftmaxTask, item: number, rows: number, inParts: number, span = 0, sums = 0) => {
    for (let part = 0; part < inParts; part++) {
      const at = to.length
      for (let i = 0; i < WORDS; i++) to.push(0)
      to[at + SoftmaxUnit.task / 4] = task
      to[at + SoftmaxUnit.item / 4] = item
      to[at + SoftmaxUnit.rows / 4] = rows
      to[at + SoftmaxUnit.head / 4] = (heads / inParts) * part
      to[at + SoftmaxUnit.heads / 4] = heads / inParts
      to[at + SoftmaxUnit.span / 4] = span
      to[at + SoftmaxUnit.sums / 4] = sums
    }
  }

  const partsOfSpans = partsFor(countSpans(bySpan, division), division)
  eachRow(bySpan, division, (item, from, to) => {
    add(merges, SoftmaxTask.merge, item, 1, parts, to - from + 1, sumBytes)
    for (let span = from; span <= to; span++, sumBytes += spanBytes) {
      add(first, SoftmaxTask.partial, item, 1, partsOfSpans, span, sumBytes)
    }
  })
  const partsOfRows = partsFor(
    byRow.reduce((sum, { count }) => sum + count * perToken, 0),
    division,
  )
  eachRow(byRow, division, (item) => add(first, SoftmaxTask.whole, item, 1, partsOfRows))
  for (const span of together) {
    const end = (span.first + span.count) * perToken
    for (let item = span.first * perToken; item < end; item += unitRows) {
      add(first, SoftmaxTask.whole, item, Math.min(unitRows, end - item), parts)
    }
  }
  return {
    first: { words: first, count: first.length / WORDS, areUneven: bySpan.length + byRow.length > 0 },
    merges: { words: merges, count: merges.length / WORDS },
    sumBytes,
  }
}

/**
 * As few parts as give every thread two units of `count` rows or spans: the heads of a part lie side by side in a page,
 * and memory is read fastest in long runs.
 */
function partsFor(count: number, { threads, parts: most }: Division): number {
  let parts = 1
  while (parts < most && (count * parts < threads * 2 || most % parts > 0)) parts++
  return parts
}

function countSpans(spans: readonly RowSpan[], division: Division): number {
  let count = 0
  eachRow(spans, division, (_, from, to) => {
    count += to - from + 1
  })
  return count
}

/** Calls `use` with each row of queries, and the first and the last span of the keys that it sees. */
function eachRow(
  spans: readonly RowSpan[],
  { perToken, window }: Division,
  use: (item: number, from: number, to: number) => void,
): void {
  for (const { first, count, position, oldest } of spans) {
    for (let row = 0; row < count * perToken; row++) {
      const at = position + Math.floor(row / perToken)
      use(first * perToken + row, spanOf(firstKey(oldest, at, window)), spanOf(at))
    }
  }
}

/** First key that a token at a position sees. */
function firstKey(oldest: number, position: number, window: number): number {
  return window > 0 ? Math.max(oldest, position - window + 1) : oldest
}

/** Number of the span that a position lies in. */
function spanOf(position: number): number {
  return Math.floor(position / SOFTMAX_SPAN)
}
