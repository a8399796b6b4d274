import { PAGE_ROWS } from '../../../kernels/abi/formats.js'
import type { Bank } from '../../../kernels/memory/bank.js'
import type { CacheFormat } from '../../../kernels/memory/formats.js'
import type { Rows } from '../../../kernels/memory/rows.js'
import { bytesOfRow, type PageHeads } from './layer-cache.js'
import { copyGrid, type Grid, type GridNumbers, type GridPair, type RowNumbers } from './number-grid.js'
import { PageTable } from './page-table.js'
import { Q8Layout } from './q8-layout.js'

/**
 * Rows of keys or of values of one layer, in pages. A page holds whole rows, or the rows of one head after another. A
 * head's rows may be transposed.
 */
export class PagedRows {
  readonly pages: PageTable
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
    private readonly bank: Bank,
    private readonly channels: number,
    readonly format: CacheFormat,
    pageHeads: PageHeads = { heads: 1, byHead: false },
    /** Whether each head's part of a page is transposed: a channel of all positions, then the next. */
    private readonly isTransposed = false,
  ) {
    const { heads, byHead } = pageHeads
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
    this.pages = new PageTable(bank, this.rowBytes * PAGE_ROWS * this.heads)
  }

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
   * Copies the rows of `count` positions, from `position` on, or their scales, to `target`, which has numbers of the
   * format.
   */
  read(position: number, count: number, target: RowNumbers, areScales = false): void {
    const [inPages, outside] = [this.numbers(areScales), bitsOf(target)]
    this.eachGrid(position, count, areScales, (inPage, inRows, size) =>
      copyGrid(inPages, inPage, outside, inRows, size),
    )
  }

  /** Sets the rows of `count` positions, from `position` on, or their scales, from numbers such as `read` gives. */
  write(position: number, count: number, source: RowNumbers, areScales = false): void {
    const [inPages, outside] = [this.numbers(areScales), bitsOf(source)]
    this.eachGrid(position, count, areScales, (inPage, inRows, size) =>
      copyGrid(outside, inRows, inPages, inPage, size),
    )
  }

  /** Calls `use` for each run of rows in a page, with its address, the first row in it, and the rows before. */
  private eachRun(
    position: number,
    count: number,
    use: (page: number, start: number, first: number, rows: number) => void,
  ): void {
    for (let first = 0; first < count; ) {
      const start = (position + first) & (PAGE_ROWS - 1)
      const rows = Math.min(count - first, PAGE_ROWS - start)
      use(this.pages.pageOf(position + first), start, first, rows)
      first += rows
    }
  }

  /** The bank's numbers that `eachGrid` has indices of. */
  private numbers(areScales: boolean): GridNumbers {
    const { u8, u16, u32 } = this.bank
    if (areScales || this.format === 'f32') return u32
    return this.format === 'q8' ? new Int8Array(u8.buffer) : u16
  }

  /** Calls `use` for the two places, in a page and in rows, of the numbers or scales of some positions. */
  private eachGrid(
    position: number,
    count: number,
    areScales: boolean,
    use: (inPage: Grid, inRows: Grid, size: Pick<GridPair, 'rows' | 'columns'>) => void,
  ): void {
    const { channels, layout, q8, scales } = this
    // Only q8 has scales.
    if (areScales && !q8) return
    const columns = areScales ? scales : channels
    this.eachRun(position, count, (page, start, first, rows) => {
      const grids = areScales && q8 ? [q8.scales(page, start, rows)] : layout.grids(page, start, rows)
      for (const { inPage, inRows, ...size } of grids) {
        use(inPage, { ...inRows, at: inRows.at + first * columns }, size)
      }
    })
  }
}

/** Floats as their bits, in the same place: copies leave all of them alone, a NaN's bits included. */
function bitsOf(numbers: RowNumbers): GridNumbers {
  if (!(numbers instanceof Float32Array)) return numbers
  return new Uint32Array(numbers.buffer, numbers.byteOffset, numbers.length)
}

/** Places of the numbers in the pages of a cache of floats or bfloat16. */
class FloatLayout {
  constructor(
    /** Heads that a page holds one after another; 1 if it holds whole rows. */
    private readonly heads: number,
    /** Channels of a head. */
    private readonly size: number,
    /** Bytes of a row of a head. */
    private readonly rowBytes: number,
    /** Bytes of a number. */
    private readonly bytes: number,
    /** Whether a head's part of a page is transposed. */
    private readonly isTransposed: boolean,
  ) {}

  /** The numbers of `count` rows of a page, from row `start` on. Indices in the page count the bank's numbers. */
  grids(page: number, start: number, count: number): GridPair[] {
    const { heads, size, bytes, isTransposed } = this
    const rowStep = this.rowBytes / bytes
    return Array.from({ length: heads }, (_, head) => {
      const part = page / bytes + head * PAGE_ROWS * rowStep
      return {
        inPage: isTransposed
          ? { at: part + start, rowStep: 1, columnStep: PAGE_ROWS }
          : { at: part + start * rowStep, rowStep, columnStep: 1 },
        inRows: { at: head * size, rowStep: heads * size, columnStep: 1 },
        rows: count,
        columns: size,
      }
    })
  }
}
