import type { Bank } from '../../../kernels/memory/bank.js'

/**
 * Pages of a bank's caches. Sequences with a common beginning hold the same pages, which are freed with their last
 * holder. A page that several hold must not change: `own` replaces it by a copy.
 */
export class PagePool {
  /** Holders of each page that has more than one. */
  private readonly holders = new Map<number, number>()

  constructor(private readonly bank: Bank) {}

  /** Address of a new page. Throws MemoryFull if there is no room. */
  allocate(bytes: number): number {
    return this.bank.arena.allocate(bytes)
  }

  /** Number of sequences that hold a page. */
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

export function pagePool(bank: Bank): PagePool {
  const pool = pools.get(bank) ?? new PagePool(bank)
  pools.set(bank, pool)
  return pool
}
