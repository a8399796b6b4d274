import { PAGE_ROWS, PAGE_SHIFT } from '../../runtime/abi/formats.js'
import type { Bank } from '../../runtime/memory/bank.js'
import type { CacheFormat } from '../../runtime/memory/formats.js'
import type { Rows } from '../../runtime/memory/rows.js'
import { FloatLayout } from './float-layout.js'
import { copyGrid, type Grid, type GridNumbers, type GridPair } from './number-grid.js'
import { bytesOfRow, type PageHeads, type RowNumbers } from './page-heads.js'
import { type PagePool, pagePool } from './page-pool.js'
import { Q8Layout } from './q8-layout.js'

/** Positions [start, end). */
export interface Span {
  start: number
  end: number
}

/**
 * Rows of keys or of values of one layer, in pages of 32 positions; the kernels find a page by its table. A page holds
 * whole rows, or the rows of one head after another. A head's rows may be transposed. Full pages may be those of other
 * sequences, too (page-pool.ts).
 */
export class PagedRows {
  readonly bank: Bank
  readonly pageBytes: number
  private readonly pool: PagePool
  private tableAddress: number
  private capacity = 8
  /** Address of each page; 0 if it has been freed. */
  private readonly pages: number[] = []
  /** All pages before this one have been freed. */
  private lowest = 0
  /** Heads that a page holds one after another; 1 if it holds whole rows. */
  private readonly heads: number
  /** Channels of a head. */
  private readonly size: number
  /** Bytes of a row of a head. */
  private readonly rowBytes: number
  private readonly q8?: Q8Layout
  private readonly layout: Q8Layout | FloatLayout
  /** Scales of a row; 0 unless the format is q8. */
  readonly scales: number

  constructor(
    bank: Bank,
    private readonly channels: number,
    readonly format: CacheFormat,
    pageHeads: PageHeads = { heads: 1, byHead: false },
    /** Whether each head's part of a page is transposed: a channel of all positions, then the next. */
    private readonly isTransposed = false,
  ) {
    const { heads, byHead } = pageHeads
    this.bank = bank
    this.pool = pagePool(bank)
    this.heads = byHead ? heads : 1
    this.size = channels / this.heads
    this.rowBytes = bytesOfRow(channels, format, pageHeads) / this.heads
    this.scales = format === 'q8' ? heads : 0
    if (format === 'q8') {
      const kind = !byHead ? 'rows' : isTransposed ? 'keys' : 'values'
      this.q8 = new Q8Layout(bank, kind, heads, channels / heads, this.rowBytes)
    }
    const bytes = format === 'f32' ? 4 : 2
    this.layout = this.q8 ?? new FloatLayout(this.heads, this.size, this.rowBytes, bytes, isTransposed)
    this.pageBytes = this.rowBytes * PAGE_ROWS * this.heads
    this.tableAddress = bank.arena.allocate(this.capacity * 4)
  }

  get table(): number {
    return this.tableAddress
  }

  /** Bytes of its pages. Of a page that several sequences hold, each has an equal part. */
  get bytes(): number {
    return this.pages.reduce((sum, page) => sum + (page ? this.pageBytes / this.pool.holdersOf(page) : 0), 0)
  }

  /** Address of the page with a position; 0 if it has none. */
  pageOf(position: number): number {
    return this.pages[position >> PAGE_SHIFT] ?? 0
  }

  /** Takes the pages of another sequence's rows, in an empty cache. */
  share({ pages, lowest }: PagedRows): void {
    if (pages.length > this.capacity) this.growTable(pages.length)
    for (const page of pages) {
      if (page) this.pool.share(page)
      this.pages.push(page)
    }
    this.bank.u32.set(pages, this.tableAddress / 4)
    this.lowest = lowest
  }

  /** Number of positions at the beginning whose pages are the same as those of other rows. */
  sharedWith({ pages }: PagedRows): number {
    const end = this.pages.findIndex((page, i) => page === 0 || page !== pages[i])
    return PAGE_ROWS * (end < 0 ? this.pages.length : end)
  }

  /** Replaces the pages of the first `count` positions by those of other rows, which have the same numbers there. */
  adopt({ pages }: PagedRows, count: number): void {
    for (let i = 0; i < count >> PAGE_SHIFT; i++) {
      const [own, other] = [this.pages[i], pages[i]]
      if (!own || !other || own === other) continue
      this.pool.share(other)
      this.pool.release(own, this.pageBytes)
      this.setPage(i, other)
    }
  }

  /** Number of pages that `own` would copy. */
  sharedFrom(position: number): number {
    let count = 0
    for (let i = position >> PAGE_SHIFT; i < this.pages.length; i++) {
      if (this.pages[i] && this.pool.holdersOf(this.pages[i]) > 1) count++
    }
    return count
  }

  /** Makes the pages from a position on its own, so that they can be written. */
  own(position: number): void {
    for (let i = position >> PAGE_SHIFT; i < this.pages.length; i++) {
      if (this.pages[i]) this.setPage(i, this.pool.own(this.pages[i], this.pageBytes))
    }
  }

  /** Number of pages that `reserve` would allocate. */
  missing(spans: readonly Span[]): number {
    let missing = 0
    for (const { start, end } of spans) {
      if (start < end) missing += Math.max(0, pagesTo(end) - Math.max(this.pages.length, start >> PAGE_SHIFT))
    }
    return missing
  }

  /** Allocates pages for the positions of some spans, and none for those before and between them. */
  reserve(spans: readonly Span[]): void {
    for (const { start, end } of pageRanges(spans)) {
      if (end > this.capacity) this.growTable(end)
      while (this.pages.length < end) {
        this.setPage(this.pages.length, this.pages.length < start ? 0 : this.pool.allocate(this.pageBytes))
      }
    }
  }

  /** Whether it has pages for the positions of a span. */
  holds({ start, end }: Span): boolean {
    if (pagesTo(end) > this.pages.length) return false
    for (let i = start >> PAGE_SHIFT; i < pagesTo(end); i++) if (this.pages[i] === 0) return false
    return true
  }

  /** Copies `count` rows, from row `row` on, to the positions from `position` on. */
  store(source: Rows, row: number, position: number, count: number): void {
    const { heads, size, format, rowBytes, isTransposed, q8 } = this
    if (q8) {
      return this.eachRun(position, count, (page, start, first, rows) =>
        q8.store(source, row + first, page, start, rows),
      )
    }
    const { address, strideBytes } = source
    const isNarrow = format === 'bf16'
    const { kernels } = this.bank
    this.eachRun(position, count, (page, start, first, rows) => {
      for (let head = 0; head < heads; head++) {
        const from = address + (row + first) * strideBytes + head * size * 4
        const part = page + head * PAGE_ROWS * rowBytes
        const to = part + start * rowBytes
        if (isTransposed) {
          const pitch = (PAGE_ROWS * rowBytes) / size
          kernels.transposeRows(from, strideBytes, part + (start * rowBytes) / size, pitch, size, rows, isNarrow)
        } else if (isNarrow) {
          kernels.narrowRows(from, strideBytes, to, rowBytes, size, rows)
        } else {
          kernels.copyRows(from, strideBytes, to, rowBytes, size * 4, rows)
        }
      }
    })
  }

  /**
   * Copies the rows of `count` positions, from `position` on, to `target`: floats, the bits of rows in bfloat16, or the
   * levels of q8.
   */
  read(position: number, count: number, target: RowNumbers): void {
    const { numbers } = this
    const given = this.q8 ? target : bitsOf(target)
    this.eachGrid(position, count, (inPage, inRows, size) => copyGrid(numbers, inPage, given, inRows, size))
  }

  /** Sets the rows of `count` positions, from `position` on, from numbers such as `read` gives. */
  write(position: number, count: number, source: RowNumbers): void {
    const { numbers } = this
    const given = this.q8 ? source : bitsOf(source)
    this.eachGrid(position, count, (inPage, inRows, size) => copyGrid(given, inRows, numbers, inPage, size))
  }

  /** Copies the scales of `count` positions, from `position` on, to `target`. */
  readScales(position: number, count: number, target: RowNumbers): void {
    const [{ u32 }, given] = [this.bank, bitsOf(target)]
    this.eachScaleGrid(position, count, (inPage, inRows, size) => copyGrid(u32, inPage, given, inRows, size))
  }

  /** Sets the scales of `count` positions, from `position` on. */
  writeScales(position: number, count: number, source: RowNumbers): void {
    const [{ u32 }, given] = [this.bank, bitsOf(source)]
    this.eachScaleGrid(position, count, (inPage, inRows, size) => copyGrid(given, inRows, u32, inPage, size))
  }

  /** Frees the pages that hold no position of any span. */
  keep(spans: readonly Span[]): void {
    const ranges = pageRanges(spans)
    const last = ranges.reduce((most, { end }) => Math.max(most, end), 0)
    while (this.pages.length > last) this.free(this.pages.length - 1)
    let from = this.lowest
    for (const { start, end } of ranges) {
      for (let i = from; i < Math.min(start, this.pages.length); i++) this.free(i)
      from = Math.max(from, end)
    }
    // After all positions are forgotten, the next page is a new one.
    while (this.pages[this.pages.length - 1] === 0) this.pages.pop()
    this.lowest = Math.min(ranges.length > 0 ? ranges[0].start : 0, this.pages.length)
  }

  release(): void {
    for (let i = this.pages.length - 1; i >= 0; i--) this.free(i)
    this.bank.arena.release(this.tableAddress, this.capacity * 4)
  }

  /**
   * Calls `use` for each run of rows in one page, with the page's address, the first row in it, and the number of rows
   * before.
   */
  private eachRun(
    position: number,
    count: number,
    use: (page: number, start: number, first: number, rows: number) => void,
  ): void {
    for (let first = 0; first < count; ) {
      const start = (position + first) & (PAGE_ROWS - 1)
      const rows = Math.min(count - first, PAGE_ROWS - start)
      use(this.pages[(position + first) >> PAGE_SHIFT], start, first, rows)
      first += rows
    }
  }

  /** The bank's numbers that `eachGrid` has indices of. */
  private get numbers(): GridNumbers {
    const { u8, u16, u32 } = this.bank
    if (this.format === 'q8') return new Int8Array(u8.buffer)
    return this.format === 'f32' ? u32 : u16
  }

  /** Calls `use` for the grids of the numbers of some positions. */
  private eachGrid(position: number, count: number, use: UseGrid): void {
    const { channels, layout } = this
    this.eachRun(position, count, (page, start, first, rows) => {
      for (const grid of layout.grids(page, start, rows)) useShifted(grid, first * channels, use)
    })
  }

  /** Calls `use` for the grids of the scales of some positions. */
  private eachScaleGrid(position: number, count: number, use: UseGrid): void {
    const { q8, scales } = this
    this.eachRun(position, count, (page, start, first, rows) => {
      if (q8) useShifted(q8.scales(page, start, rows), first * scales, use)
    })
  }

  private setPage(i: number, page: number): void {
    this.bank.u32[this.tableAddress / 4 + i] = page
    this.pages[i] = page
  }

  /** Frees page i; the last one is also removed from the list. */
  private free(i: number): void {
    if (this.pages[i]) this.pool.release(this.pages[i], this.pageBytes)
    if (i === this.pages.length - 1) this.pages.pop()
    else if (i < this.pages.length) this.pages[i] = 0
  }

  private growTable(wanted: number): void {
    const capacity = Math.max(wanted, 2 * this.capacity)
    const table = this.bank.arena.allocate(capacity * 4)
    this.bank.u32.set(this.pages, table / 4)
    this.bank.arena.release(this.tableAddress, this.capacity * 4)
    this.tableAddress = table
    this.capacity = capacity
  }
}

/** Uses the two places of some numbers: in a page and in rows. */
type UseGrid = (inPage: Grid, inRows: Grid, size: Pick<GridPair, 'rows' | 'columns'>) => void

/** Calls `use` with a grid that begins `shift` numbers later in its rows. */
function useShifted({ inPage, inRows, ...size }: GridPair, shift: number, use: UseGrid): void {
  use(inPage, { ...inRows, at: inRows.at + shift }, size)
}

/** Floats as their bits, in the same place: copies leave all of them alone, also those of a NaN. */
function bitsOf(numbers: RowNumbers): RowNumbers | Uint32Array {
  if (!(numbers instanceof Float32Array)) return numbers
  return new Uint32Array(numbers.buffer, numbers.byteOffset, numbers.length)
}

/** Pages with positions of spans that are not empty, as ranges in rising order; they may overlap. */
function pageRanges(spans: readonly Span[]): Span[] {
  return spans
    .filter(({ start, end }) => start < end)
    .map(({ start, end }) => ({ start: start >> PAGE_SHIFT, end: pagesTo(end) }))
    .sort((a, b) => a.start - b.start)
}

/** Number of pages for the positions below `end`. */
function pagesTo(end: number): number {
  return Math.ceil(end / PAGE_ROWS)
}
