import { PAGE_ROWS } from '../../runtime/abi/formats.js'
import type { GridPair } from './number-grid.js'

/** Places of the numbers in the pages of a cache of floats or bfloat16. */
export class FloatLayout {
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

  /** The numbers of `count` rows of a page, from row `start` on. Indices in the page are those of the bank's numbers. */
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
