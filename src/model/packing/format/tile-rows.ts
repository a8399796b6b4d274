import { tileFloat, tileFloats } from '../../../kernels/memory/tile-floats.js'

/** Reads the rows of a packed f32 matrix as plain floats. */
export function readTileRows(bytes: Uint8Array, rows: number, cols: number): Float32Array[] {
  const tiles = new Float32Array(bytes.slice().buffer)
  return Array.from({ length: rows }, (_, r) =>
    Float32Array.from({ length: cols }, (_, c) => tiles[tileFloat(0, cols, r, c)]),
  )
}

/** Packs rows into an f32 matrix; the reverse of readTileRows. */
export function writeTileRows(rows: readonly Float32Array[], cols: number): Uint8Array {
  const tiles = new Float32Array(tileFloats(rows.length, cols))
  for (const [r, row] of rows.entries()) for (let c = 0; c < cols; c++) tiles[tileFloat(0, cols, r, c)] = row[c]
  return new Uint8Array(tiles.buffer)
}
