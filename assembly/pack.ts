/*
 * Quantising and tiling of weights, one item 32 rows of a matrix (or one row of the embedding table).
 *
 * Arguments: 0 source   1 source type (SOURCE_* of gather.ts)   2 index of element [0, 0]   3 rows   4 columns
 *   5 elements from one row to the next   6 elements from one column to the next (both may be 0)
 *   7 target   8 format   9 kind: 0 matrix tiles, 1 table rows   10 u32: count of NaN and infinite weights, added to
 * Rows beyond the last and columns beyond the last are zero. Formats: tile-*.ts, embedding.ts. Bit-identical in all tiers.
 */
import { arg, SCRATCH, SCRATCH_SIZE, thread } from './control'
import { countBroken, element, gather } from './gather'
import { fromBfloat16, toBfloat16 } from './half'
import { bandBytes, F32, Q4 } from './matmul'
import { packQ4 } from './pack-q4'
import { inverseOf, level8, packQ8 } from './pack-q8'

/** This thread's scratch: a tile of floats, column after column, 8 rows each. Set at the start of each chunk. */
let scratch: usize = 0

export function pack(chunk: u32): void {
  scratch = SCRATCH + thread * SCRATCH_SIZE
  if (arg(9) == 1) packTableRow(chunk)
  else packRows(chunk << 5)
}

/**
 * Packs 32 rows from `row` on, column by column of tiles: where neighbouring rows lie together, 32 weights of 16 bits
 * are a cache line, which is read once and not four times.
 */
function packRows(row: u32): void {
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

function packTableRow(row: u32): void {
  const columns = (arg(4) + 31) & ~31
  const stride: usize = arg(6)
  let target: usize = arg(7) + row * (arg(8) == F32 ? columns << 2 : (columns >> 5) * 34)
  for (let column: u32 = 0; column < columns; column += 32) {
    let most: f32 = 0
    for (let c: u32 = 0; c < 32; c++) {
      const x = column + c < arg(4) ? element(arg(2) + row * arg(5) + (column + c) * stride) : <f32>0
      most = max<f32>(most, abs<f32>(x))
      store<f32>(scratch + (c << 2), x)
    }
    countBroken(scratch, 4)
    if (arg(8) == F32) {
      memory.copy(target, scratch, 128)
      target += 128
    } else {
      const bits = toBfloat16(most / <f32>127.0)
      const inverse = inverseOf(fromBfloat16(bits))
      store<u16>(target, bits)
      for (let c: usize = 0; c < 32; c++) store<i8>(target + c, level8(load<f32>(scratch + (c << 2)), inverse), 2)
      target += 34
    }
  }
}
