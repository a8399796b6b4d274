/** Numbers of rows: floats, the bits of numbers in bfloat16, or the levels of q8. */
export type RowNumbers = Float32Array | Uint16Array | Int8Array

/** Numbers of a cache: levels of q8, or the bits of bfloat16 (Uint16Array) and of floats (Uint32Array). */
export type GridNumbers = Uint32Array | Uint16Array | Int8Array

/** Places of a grid in a typed array. */
export interface Grid {
  /** Index of the first number. */
  at: number
  rowStep: number
  columnStep: number
}

export interface GridPair {
  inPage: Grid
  inRows: Grid
  rows: number
  columns: number
}

/** Shorter rows are copied faster by a loop than by a call of `set`. */
const LONG_ROW = 32

/** Copies a grid between arrays of the same type. */
export function copyGrid(
  source: GridNumbers,
  from: Grid,
  target: GridNumbers,
  to: Grid,
  { rows, columns }: Pick<GridPair, 'rows' | 'columns'>,
): void {
  const isWhole = from.columnStep === 1 && to.columnStep === 1 && columns >= LONG_ROW
  for (let row = 0; row < rows; row++) {
    let i = from.at + row * from.rowStep
    let j = to.at + row * to.rowStep
    if (isWhole) target.set(source.subarray(i, i + columns), j)
    else for (let c = 0; c < columns; c++, i += from.columnStep, j += to.columnStep) target[j] = source[i]
  }
}
