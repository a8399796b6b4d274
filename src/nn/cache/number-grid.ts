/** Numbers of a cache as values, or as the bits of bfloat16 (Uint16Array) and of floats (Uint32Array). */
export type GridNumbers = Float32Array | Uint32Array | Uint16Array | Int8Array

/** Places of a grid in a typed array. */
export interface Grid {
  /** Index of the first number. */
  at: number
  /** From a row to the next. */
  rowStep: number
  /** From a column to the next. */
  columnStep: number
}

/** The same numbers in a page and in rows. */
export interface GridPair {
  inPage: Grid
  inRows: Grid
  rows: number
  columns: number
}

/** Shorter rows are copied faster by a loop than by a call of `set`. */
const LONG_ROW = 32

/**
 * Copies a grid. Between bfloat16 and floats it widens, or rounds to nearest as the kernels do; otherwise values stay.
 * The loops are apart so that each sees few types of arrays.
 */
export function copyGrid(
  source: GridNumbers,
  from: Grid,
  target: GridNumbers,
  to: Grid,
  { rows, columns }: Pick<GridPair, 'rows' | 'columns'>,
): void {
  if (source instanceof Uint16Array && target instanceof Uint32Array) widen(source, from, target, to, rows, columns)
  else if (source instanceof Uint32Array && target instanceof Uint16Array)
    round(source, from, target, to, rows, columns)
  else if (from.columnStep === 1 && to.columnStep === 1 && columns >= LONG_ROW && setsFast(source, target)) {
    for (let row = 0, i = from.at, j = to.at; row < rows; row++, i += from.rowStep, j += to.rowStep) {
      target.set(source.subarray(i, i + columns), j)
    }
  } else copyValues(source, from, target, to, rows, columns)
}

/** Whether `set` is faster than a loop: it is not from floats to integers. */
function setsFast(source: GridNumbers, target: GridNumbers): boolean {
  return source.BYTES_PER_ELEMENT === target.BYTES_PER_ELEMENT || target instanceof Float32Array
}

function widen(source: Uint16Array, from: Grid, target: Uint32Array, to: Grid, rows: number, columns: number): void {
  for (let row = 0; row < rows; row++) {
    let i = from.at + row * from.rowStep
    let j = to.at + row * to.rowStep
    for (let c = 0; c < columns; c++, i += from.columnStep, j += to.columnStep) target[j] = source[i] << 16
  }
}

function round(source: Uint32Array, from: Grid, target: Uint16Array, to: Grid, rows: number, columns: number): void {
  for (let row = 0; row < rows; row++) {
    let i = from.at + row * from.rowStep
    let j = to.at + row * to.rowStep
    for (let c = 0; c < columns; c++, i += from.columnStep, j += to.columnStep) target[j] = rounded(source[i])
  }
}

function copyValues(source: GridNumbers, from: Grid, target: GridNumbers, to: Grid, rows: number, columns: number) {
  for (let row = 0; row < rows; row++) {
    let i = from.at + row * from.rowStep
    let j = to.at + row * to.rowStep
    for (let c = 0; c < columns; c++, i += from.columnStep, j += to.columnStep) target[j] = source[i]
  }
}

/** The upper half of a float's bits, rounded to the nearest, ties to even. */
function rounded(bits: number): number {
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16
}
