import { PAGE_ROWS } from '../../runtime/abi/formats.js'
import type { Bank } from '../../runtime/memory/bank.js'
import { roundUp } from '../../runtime/memory/formats.js'
import type { Rows } from '../../runtime/memory/rows.js'
import type { RowNumbers } from './page-heads.js'

/** Contents of a page: whole rows, or the keys or values of one head after another. */
type PageKind = 'rows' | 'keys' | 'values'

/** Places of levels and scales in the pages of a q8 cache (assembly/cache-q8.ts). */
export class Q8Layout {
  /** Bytes of a head in a page of heads. */
  private readonly headBytes: number
  /** Channels of a head with padding. */
  private readonly padded: number

  constructor(
    private readonly bank: Bank,
    private readonly kind: PageKind,
    private readonly heads: number,
    /** Channels of a head. */
    private readonly size: number,
    /** Bytes of a position: of a whole row, or of one head. */
    private readonly rowBytes: number,
  ) {
    this.headBytes = rowBytes * PAGE_ROWS
    this.padded = roundUp(size, 4)
  }

  /** Stores `count` rows of floats, from row `row` on, in a page from row `start` on. */
  store({ address, strideBytes }: Rows, row: number, page: number, start: number, count: number): void {
    const { bank, kind, heads, size, rowBytes, headBytes } = this
    const from = address + row * strideBytes
    if (kind === 'rows') {
      bank.kernels.quantizeRows(from, strideBytes, page + start * rowBytes, rowBytes, heads, size, count)
      return
    }
    for (let head = 0; head < heads; head++) {
      const part = page + head * headBytes
      bank.kernels.quantizeHead(from + head * size * 4, strideBytes, part, start, size, count, kind === 'keys')
    }
  }

  /** Copies the levels of a row of a page to `target`, from index `at` on. */
  readLevels(page: number, row: number, target: RowNumbers, at: number): void {
    const { heads, size, bank } = this
    const { u8 } = bank
    for (let head = 0, i = at; head < heads; head++) {
      for (let c = 0; c < size; c++, i++) target[i] = (u8[this.levelAt(page, row, head, c)] << 24) >> 24
    }
  }

  /** Sets the levels of a row of a page. */
  writeLevels(page: number, row: number, source: RowNumbers, at: number): void {
    const { heads, size, bank } = this
    const { u8 } = bank
    for (let head = 0, i = at; head < heads; head++) {
      for (let c = 0; c < size; c++, i++) u8[this.levelAt(page, row, head, c)] = source[i]
    }
  }

  /** Index among the bank's floats of the scale of a head in a row of a page. */
  scaleIndex(page: number, row: number, head: number): number {
    const { kind, rowBytes, headBytes } = this
    if (kind === 'rows') return (page + row * rowBytes) / 4 + head
    return (page + head * headBytes) / 4 + row
  }

  private levelAt(page: number, row: number, head: number, channel: number): number {
    const { kind, heads, size, padded, rowBytes, headBytes } = this
    if (kind === 'rows') return page + row * rowBytes + heads * 4 + head * size + channel
    const levels = page + head * headBytes + PAGE_ROWS * 4
    if (kind === 'keys') return levels + (channel >> 1) * 2 * PAGE_ROWS + row * 2 + (channel & 1)
    return levels + (row >> 1) * 2 * padded + channel * 2 + (row & 1)
  }
}
