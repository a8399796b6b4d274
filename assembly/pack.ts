/*
 * Quantising and tiling of weights, one item 32 rows of a matrix (or one row of the embedding table).
 *
 * Arguments: 0 source   1 source type (SOURCE_* of gather.ts)   2 index of element [0, 0]   3 rows   4 columns
 *   5 elements from one row to the next   6 elements from one column to the next (both may be 0)
 *   7 target   8 format   9 kind: 0 matrix tiles, 1 table rows   10 u32: count of NaN and infinite weights, added to
 * Rows beyond the last and columns beyond the last are zero. Formats: tile-*.ts, embedding.ts. Bit-identical in all tiers.
 */
import { arg, SCRATCH, SCRATCH_SIZE, thread } from './control'
import { gather } from './gather'
import { bandBytes, F32, Q4 } from './matmul'
import { packQ4 } from './pack-q4'
import { packQ8 } from './pack-q8'
import { packTableRow } from './pack-table'

export function pack(chunk: u32): void {
  const scratch = SCRATCH + thread * SCRATCH_SIZE
  if (arg(9) == 1) packTableRow(chunk, scratch)
  else packRows(chunk << 5, scratch)
}

/**
 * Packs 32 rows from `row` on, column by column of tiles: where neighbouring rows lie together, 32 weights of 16 bits
 * are a cache line, which is read once and not four times. `scratch` is room for a tile of floats.
 */
function packRows(row: u32, scratch: usize): void {
  const columns = (arg(4) + 31) & ~31
  const band = bandBytes(arg(8), columns)
  const end = min(row + 32, arg(3))
  let first: usize = arg(7) + (row >> 3) * band
  for (let column: u32 = 0; column < columns; column += 32) {
    let tile = first
    for (let r = row; r < end; r += 8, tile += band) {
      gather(scratch, r, column)
      if (arg(8) == F32) memory.copy(tile, scratch, 1024)
      else if (arg(8) == Q4) packQ4(tile, scratch)
      else packQ8(tile, scratch)
    }
    first += arg(8) == F32 ? 1024 : arg(8) == Q4 ? 144 : 272
  }
}
