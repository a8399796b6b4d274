import { PAGE_ROWS } from '../../../kernels/abi/formats.js'
import type { Bank } from '../../../kernels/memory/bank.js'
import { roundUp } from '../../../kernels/memory/formats.js'
import type { Rows } from '../../../kernels/memory/rows.js'
import type { GridPair } from './number-grid.js'

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

  /** The levels of `count` rows of a page, from row `start` on. Indices in the page count the bank's bytes. */
  grids(page: number, start: number, count: number): GridPair[] {
    const { kind, heads, size, rowBytes } = this
    if (kind !== 'rows')
      return Array.from({ length: heads }, (_, head) => this.headGrids(page, head, start, count)).flat()
    return [
      {
        inPage: { at: page + start * rowBytes + heads * 4, rowStep: rowBytes, columnStep: 1 },
        inRows: { at: 0, rowStep: heads * size, columnStep: 1 },
        rows: count,
        columns: heads * size,
      },
    ]
  }

  /** The scales of `count` rows of a page, from row `start` on. Indices in the page count the bank's floats. */
  scales(page: number, start: number, count: number): GridPair {
    const { kind, heads, rowBytes, headBytes } = this
    return {
      inPage:
        kind === 'rows'
          ? { at: (page + start * rowBytes) / 4, rowStep: rowBytes / 4, columnStep: 1 }
          : { at: page / 4 + start, rowStep: 1, columnStep: headBytes / 4 },
      inRows: { at: 0, rowStep: heads, columnStep: 1 },
      rows: count,
      columns: heads,
    }
  }

  /** The levels of a head in two grids: its even and odd channels (keys), or its even and odd rows (values). */
  private headGrids(page: number, head: number, start: number, count: number): GridPair[] {
    const { kind, heads, size, padded, headBytes } = this
    const levels = page + head * headBytes + PAGE_ROWS * 4
    const channels = heads * size
    return [0, 1].map((odd) => {
      if (kind === 'keys') {
        return {
          inPage: { at: levels + start * 2 + odd, rowStep: 2, columnStep: 2 * PAGE_ROWS },
          inRows: { at: head * size + odd, rowStep: channels, columnStep: 2 },
          rows: count,
          columns: (size + 1 - odd) >> 1,
        }
      }
      const first = start + ((start + odd) & 1)
      return {
        inPage: { at: levels + (first >> 1) * 2 * padded + odd, rowStep: 2 * padded, columnStep: 2 },
        inRows: { at: (first - start) * channels + head * size, rowStep: 2 * channels, columnStep: 1 },
        rows: (start + count - first + 1) >> 1,
        columns: size,
      }
    })
  }
}
