import { PAGE_ROWS, PAGE_SHIFT } from '../../../kernels/abi/formats.js'
import type { Bank } from '../../../kernels/memory/bank.js'

/** Positions [start, end). */
export interface Span {
  start: number
  end: number
}

/**
 * Pages of the rows of one layer, PAGE_ROWS positions each, and their table, which the kernels read. Pages are
 * allocated and freed by spans of positions. Other sequences may share full ones.
 */
export class PageTable {
  private readonly pool: PagePool
  /** Address of the table: a u32 for each page. It changes when the table grows. */
  address: number
  private capacity = 8
  /** Address of each page; 0 if it has been freed. */
  private readonly pages: number[] = []
  /** All pages before this one have been freed. */
  private lowest = 0

  constructor(
    readonly bank: Bank,
    readonly pageBytes: number,
  ) {
    this.pool = pagePool(bank)
    this.address = bank.arena.allocate(this.capacity * 4)
  }

  /** Bytes of the pages. Of a page that several sequences hold, each has an equal part. */
  get bytes(): number {
    return this.pages.reduce((sum, page) => sum + (page ? this.pageBytes / this.pool.holdersOf(page) : 0), 0)
  }

  /** Address of the page with a position; 0 if it has none. */
  pageOf(position: number): number {
    return this.pages[position >> PAGE_SHIFT] ?? 0
  }

  /** Takes the pages of another sequence's table, in an empty one. */
  share({ pages, lowest }: PageTable): void {
    if (pages.length > this.capacity) this.growTable(pages.length)
    for (const page of pages) {
      if (page) this.pool.share(page)
      this.pages.push(page)
    }
    this.bank.u32.set(pages, this.address / 4)
    this.lowest = lowest
  }

  /** Number of positions at the beginning whose pages another table has, too. */
  sharedWith({ pages }: PageTable): number {
    const end = this.pages.findIndex((page, i) => page === 0 || page !== pages[i])
    return PAGE_ROWS * (end < 0 ? this.pages.length : end)
  }

  /** Replaces the pages of the first `count` positions by another table's pages, which have the same numbers there. */
  adopt({ pages }: PageTable, count: number): void {
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

  holds({ start, end }: Span): boolean {
    if (pagesTo(end) > this.pages.length) return false
    for (let i = start >> PAGE_SHIFT; i < pagesTo(end); i++) if (this.pages[i] === 0) return false
    return true
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
    this.bank.arena.release(this.address, this.capacity * 4)
  }

  private setPage(i: number, page: number): void {
    this.bank.u32[this.address / 4 + i] = page
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
    this.bank.arena.release(this.address, this.capacity * 4)
    this.address = table
    this.capacity = capacity
  }
}

/** Pages with positions of spans that are not empty, as ranges in rising order; they may overlap. */
function pageRanges(spans: readonly Span[]): Span[] {
  return spans
    .filter(({ start, end }) => start < end)
    .map(({ start, end }) => ({ start: start >> PAGE_SHIFT, end: pagesTo(end) }))
    .sort((a, b) => a.start - b.start)
}

function pagesTo(end: number): number {
  return Math.ceil(end / PAGE_ROWS)
}

/**
 * Pages of a bank's caches. Sequences with a common beginning hold the same pages, which are freed with their last
 * holder. A page that several hold must not change: `own` replaces it by a copy.
 */
class PagePool {
  private readonly holders = new Map<number, number>()

  constructor(private readonly bank: Bank) {}

  /** Address of a new page. Throws MemoryFull if there is no room. */
  allocate(bytes: number): number {
    return this.bank.arena.allocate(bytes)
  }

  holdersOf(page: number): number {
    return this.holders.get(page) ?? 1
  }

  share(page: number): void {
    this.holders.set(page, this.holdersOf(page) + 1)
  }

  /** The page itself if it has one holder, else a copy for the caller, who gives up the page. */
  own(page: number, bytes: number): number {
    if (this.holdersOf(page) === 1) return page
    const copy = this.allocate(bytes)
    this.bank.u8.copyWithin(copy, page, page + bytes)
    this.release(page, bytes)
    return copy
  }

  /** Removes a holder, and frees the page if it was the last. */
  release(page: number, bytes: number): void {
    const left = this.holdersOf(page) - 1
    if (left === 0) this.bank.arena.release(page, bytes)
    else if (left === 1) this.holders.delete(page)
    else this.holders.set(page, left)
  }
}

const pools = new WeakMap<Bank, PagePool>()

function pagePool(bank: Bank): PagePool {
  const pool = pools.get(bank) ?? new PagePool(bank)
  pools.set(bank, pool)
  return pool
}
