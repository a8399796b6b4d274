import { TILE_COLUMNS, TILE_ROWS } from '../../runtime/abi/formats.js'
import { packedBytes } from './formats.js'

/** Rows of a packed f32 matrix as plain floats. */
export function readTileRows(bytes: Uint8Array, rows: number, cols: number): Float32Array[] {
  const tiles = new Float32Array(bytes.slice().buffer)
  return Array.from({ length: rows }, (_, r) =>
    Float32Array.from({ length: cols }, (_, c) => tiles[tileIndex(r, c, cols)]),
  )
}

/** The packed f32 matrix of these rows; the reverse of readTileRows. */
export function writeTileRows(rows: readonly Float32Array[], cols: number): Uint8Array {
  const tiles = new Float32Array(packedBytes('matrix', 'f32', rows.length, cols) / 4)
  for (const [r, row] of rows.entries()) for (let c = 0; c < cols; c++) tiles[tileIndex(r, c, cols)] = row[c]
  return new Uint8Array(tiles.buffer)
}

/**
 * Index of weight (r, c) among the floats of a packed f32 matrix of `cols` columns: row groups one after the other, in
 * each its tiles, a tile column by column.
 */
export function tileIndex(r: number, c: number, cols: number): number {
  const tile = Math.floor(r / TILE_ROWS) * Math.ceil(cols / TILE_COLUMNS) + Math.floor(c / TILE_COLUMNS)
  return (tile * TILE_COLUMNS + (c % TILE_COLUMNS)) * TILE_ROWS + (r % TILE_ROWS)
}
