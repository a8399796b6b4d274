/*
 * Unpacks a group of 8 rows of MXFP4 weights for the product with many quantised activation rows of
 * tile-q4-unpacked.ts. Used in the relaxed tier only.
 *
 * The levels are looked up once for all activation rows. Unpacked tile, 288 B: 8 float scales, then for each 4 columns
 * rows 0-3 and rows 4-7, four bytes (doubled + MXFP4_ZERO) per row. The integer products, and every bit of the result,
 * are as in tile-mxfp4.ts.
 */
import { TileBytes, UNPACKED_TILE_BYTES } from '../src/kernels/abi/formats'
import { highLevels, lowLevels, raisedLevels } from './tile-mxfp4'
import { nibbleMask } from './tile-q4'
import { unpackedBytes } from './tile-q4-unpacked'

const TILE: usize = TileBytes.mxfp4
const BLOCK: usize = UNPACKED_TILE_BYTES

/** Level of a weight of 0 in unpacked tiles. */
export const MXFP4_ZERO: i16 = 16

export function unpackMxfp4(weights: usize, columns: usize, unpacked: usize): void {
  const mask = nibbleMask(columns)
  const levels = raisedLevels(columns)
  const end = unpacked + unpackedBytes(columns)
  for (; unpacked < end; weights += TILE, unpacked += BLOCK) {
    v128.store(unpacked, i32x4.shl(v128.load_ext<u16>(weights), 16))
    v128.store(unpacked, i32x4.shl(v128.load_ext<u16>(weights, 8), 16), 16)
    for (let g: usize = 0; g < 4; g++) {
      const w0 = v128.load(weights + (g << 5), 16)
      const w1 = v128.load(weights + (g << 5), 32)
      const to = unpacked + (g << 6)
      v128.store(to, lowLevels(levels, w0, mask), 32)
      v128.store(to, lowLevels(levels, w1, mask), 48)
      v128.store(to, highLevels(levels, w0, mask), 64)
      v128.store(to, highLevels(levels, w1, mask), 80)
    }
  }
}
