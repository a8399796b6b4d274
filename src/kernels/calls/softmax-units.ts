import { SOFTMAX_SPAN, SOFTMAX_UNIT_BYTES, SoftmaxTask, SoftmaxUnit } from '../abi/attention.js'
import type { RowSpan } from './places.js'

const WORDS = SOFTMAX_UNIT_BYTES / 4

/** Fewest rows that share the unit of a span. Fewer are faster one after the other (bench/LAB.md). */
const LEAST_TOGETHER = 4

/** Properties of softmax attention that decide how its work is divided. */
export interface Division {
  threads: number
  /** Rows of queries per token. */
  perToken: number
  /** Maximum number of keys that a row sees; 0: all. */
  window: number
  /** Heads of keys and values. */
  heads: number
  /** Number of parts that the heads may be divided into so that each part writes whole records: 1, or `heads`. */
  parts: number
  /** Maximum rows of queries in a unit with a part of the heads, and the number that more threads do not go below. */
  unitRows: number
  leastRows: number
  /** Bytes of the sums of a row over one span, for all heads. */
  spanBytes: number
}

/** Units in the words of SoftmaxUnit; sums are counted in bytes from the start of their room. */
export interface Units {
  words: number[]
  count: number
}

export interface DividedRows {
  /** Units that can run at once, in any order. */
  first: Units & { areUneven: boolean }
  /** Units that put together the sums of the first ones. */
  merges: Units
  /** Entries of the lists of the first units: a row of queries, and the place of its sums. */
  entries: number[]
  /** Bytes of the sums that pass from the first units to the merges. */
  sumBytes: number
}

/** Rows of queries (see SoftmaxUnit) that make up a unit or, with the heads in several `parts`, several. */
type Work = { task: SoftmaxTask; item: number; parts: number } & Partial<
  Record<'rows' | 'span' | 'sums' | 'list', number>
>

class UnitList implements Units {
  readonly words: number[] = []

  constructor(private readonly heads: number) {}

  get count(): number {
    return this.words.length / WORDS
  }

  add({ task, item, rows = 1, parts, span = 0, sums = 0, list = 0 }: Work): void {
    const heads = this.heads / parts
    for (let part = 0; part < parts; part++) {
      const unit = new Array<number>(WORDS).fill(0)
      unit[SoftmaxUnit.task / 4] = task
      unit[SoftmaxUnit.item / 4] = item
      unit[SoftmaxUnit.rows / 4] = rows
      unit[SoftmaxUnit.head / 4] = heads * part
      unit[SoftmaxUnit.heads / 4] = heads
      unit[SoftmaxUnit.span / 4] = span
      unit[SoftmaxUnit.sums / 4] = sums
      unit[SoftmaxUnit.list / 4] = list
      this.words.push(...unit)
    }
  }
}

/**
 * Divides the rows of a micro-batch among threads. Neighbouring rows of one sequence share units, which read the keys
 * once for all of them. A long cache that few rows look at is divided by spans of keys instead: for the rows of decode
 * steps, and for all rows when these are too few for the threads. Rows that see a span in the same pages share its
 * units.
 */
export function divideRows(spans: readonly RowSpan[], division: Division): DividedRows {
  const { perToken, heads, parts, spanBytes } = division
  const unitRows = rowsOfUnits(spans, division)
  const { bySpan, byRow, together } = sortRows(spans, { ...division, unitRows })
  const first = new UnitList(heads)
  const merges = new UnitList(heads)
  const entries: number[] = []
  let sumBytes = 0
  const shared = new SharedSpans(division.unitRows, perToken)
  eachRow(bySpan, division, (item, from, to, rows, key, at) => {
    merges.add({ task: SoftmaxTask.merge, item, parts, span: to - from + 1, sums: sumBytes })
    for (let span = from; span <= to; span++, sumBytes += spanBytes) {
      shared.add({ item, span, sums: sumBytes }, rows, key, at)
    }
  })
  const groups = forThreads(shared.groups, division).flatMap((rows) =>
    rows.length < LEAST_TOGETHER ? rows.map((row) => [row]) : [rows],
  )
  const partsOfSpans = partsFor(groups.length, division)
  for (const rows of groups) {
    const [{ item, span }] = rows
    const work = { item, span, rows: rows.length, parts: partsOfGroup(rows.length, partsOfSpans, division) }
    first.add({ task: SoftmaxTask.partial, ...work, list: entries.length * 4 })
    for (const { item, sums } of rows) entries.push(item, sums)
  }
  const partsOfRows = partsFor(
    byRow.reduce((sum, { count }) => sum + count * perToken, 0),
    division,
  )
  eachRow(byRow, division, (item) => first.add({ task: SoftmaxTask.whole, item, parts: partsOfRows }))
  for (const span of together) {
    const end = (span.first + span.count) * perToken
    for (let item = span.first * perToken; item < end; item += unitRows) {
      first.add({ task: SoftmaxTask.whole, item, rows: Math.min(unitRows, end - item), parts })
    }
  }
  return {
    first: { words: first.words, count: first.count, areUneven: bySpan.length + byRow.length > 0 },
    merges,
    entries,
    sumBytes,
  }
}

/** Number of rows in a unit: as many as leave each thread eight units. */
function rowsOfUnits(spans: readonly RowSpan[], division: Division): number {
  let rows = division.unitRows
  while (rows > division.leastRows && countGroups(spans, division, rows) < division.threads * 8)
    rows = Math.ceil(rows / 2)
  return rows
}

/** Number of units, if each has at most `rows` rows. */
function countGroups(spans: readonly RowSpan[], { perToken, parts }: Division, rows: number): number {
  return spans.reduce((sum, { count }) => sum + Math.ceil((count * perToken) / rows) * parts, 0)
}

/** How the rows of a micro-batch are divided: by spans of keys, row by row, or several rows together. */
function sortRows(spans: readonly RowSpan[], division: Division): Record<'bySpan' | 'byRow' | 'together', RowSpan[]> {
  const { threads, perToken, window, unitRows } = division
  const areFew = countGroups(spans, division, unitRows) < threads * 8
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
  return { bySpan, byRow, together }
}

/**
 * The fewest parts that give every thread two units of `count` rows or spans. Fewer are better: the heads of a part are
 * neighbours in a page, and memory is read fastest in long runs.
 */
function partsFor(count: number, { threads, parts: most }: Division): number {
  let parts = 1
  while (parts < most && (count * parts < threads * 2 || most % parts > 0)) parts++
  return parts
}

/** Groups of rows; too few of them for the threads are divided, since their heads cannot be. */
function forThreads(groups: SpanRow[][], { threads, parts }: Division): SpanRow[][] {
  const pieces = Math.ceil((threads * 2) / groups.length)
  if (parts > 1 || pieces <= 1) return groups
  return groups.flatMap((rows) => {
    const size = Math.max(LEAST_TOGETHER, Math.ceil(rows.length / pieces))
    return Array.from({ length: Math.ceil(rows.length / size) }, (_, i) => rows.slice(i * size, (i + 1) * size))
  })
}

/** The fewest parts of the heads, at least `least`, that leave room in a unit for the sums of `rows` rows. */
function partsOfGroup(rows: number, least: number, { parts: most, unitRows }: Division): number {
  let parts = least
  while (parts < most && ((rows > 1 && rows * most > unitRows * parts) || most % parts > 0)) parts++
  return parts
}

/** Calls `use` with each row of queries, its first and last span of keys, its sequence, first key and position. */
function eachRow(
  spans: readonly RowSpan[],
  { perToken, window }: Division,
  use: (item: number, from: number, to: number, rows: RowSpan, key: number, at: number) => void,
): void {
  for (const rows of spans) {
    const { first, count, position, oldest } = rows
    for (let row = 0; row < count * perToken; row++) {
      const at = position + Math.floor(row / perToken)
      const key = firstKey(oldest, at, window)
      use(first * perToken + row, spanOf(key), spanOf(at), rows, key, at)
    }
  }
}

function firstKey(oldest: number, position: number, window: number): number {
  return window > 0 ? Math.max(oldest, position - window + 1) : oldest
}

function spanOf(position: number): number {
  return Math.floor(position / SOFTMAX_SPAN)
}

/** A row of queries that sees keys of a span. */
interface SpanRow {
  item: number
  span: number
  sums: number
}

/**
 * Groups rows that see the same keys of a span in the same pages: all rows of a token, and rows that see the whole span
 * of a common beginning. Each group reads the keys once and has at most `most` rows; a row that shares its keys with no
 * other is a group by itself.
 */
export class SharedSpans {
  readonly groups: SpanRow[][] = []
  /** The group that is not full, by the last page of its keys. */
  private readonly open = new Map<number, SpanRow[]>()
  /** The same of the present token's rows, by the span. */
  private readonly ofToken = new Map<number, SpanRow[]>()
  private token = -1

  constructor(
    private readonly most: number,
    private readonly perToken = 1,
  ) {}

  /** Adds a row of a token at position `at`, which sees the keys from `first` on. Rows of a token follow each other. */
  add(row: SpanRow, { pageOf }: RowSpan, first: number, at: number): void {
    const token = Math.floor(row.item / this.perToken)
    if (token !== this.token) this.ofToken.clear()
    this.token = token
    const begin = row.span * SOFTMAX_SPAN
    const end = begin + SOFTMAX_SPAN - 1
    // Sequences that share a page share all before it, too.
    const page = first <= begin && at >= end ? (pageOf?.(end) ?? 0) : 0
    const [places, key] = page === 0 ? [this.ofToken, row.span] : [this.open, page]
    const open = places.get(key)
    if (open && open.length < this.most) {
      open.push(row)
      return
    }
    const group = [row]
    this.groups.push(group)
    places.set(key, group)
  }
}
