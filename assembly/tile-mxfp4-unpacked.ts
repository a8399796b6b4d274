/*
 * Product of 8 rows of MXFP4 weights with many quantised activation rows: prefill. Used in the relaxed tier only.
 *
 * The levels of a group of 8 rows are looked up once, into scratch memory that stays in the first-level cache, and every
 * activation row then reads the bytes. Unpacked tile, 288 B, as in tile-q4-unpacked.ts: 8 float scales, then for each 4
 * columns rows 0-3 and rows 4-7, four bytes (doubled + 16) per row. The arithmetic and its order are those of
 * tile-mxfp4.ts, and so is every bit of the result.
 */
import { TileBytes, UNPACKED_TILE_BYTES } from '../src/runtime/abi/formats'
import { addEight, highLevels, lowLevels, raisedBy, raisedLevels } from './tile-mxfp4'
import { nibbleMask } from './tile-q4'
import { unpackedBytes } from './tile-q4-unpacked'
import { addScaled } from './tile-q8'

const TILE: usize = TileBytes.mxfp4
const BLOCK: usize = UNPACKED_TILE_BYTES

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

/** One unpacked band with four activation rows. */
export function tileUnpackedMxfp4x4(
  unpacked: usize,
  columns: usize,
  a: usize,
  b: usize,
  c: usize,
  d: usize,
  outA: usize,
  outB: usize,
  outC: usize,
  outD: usize,
): void {
  const sums = (columns >> 5) << 2
  const end = a + columns
  // The other rows are addressed relative to the first, so that one pointer moves for all.
  let scale = a + 3 * columns
  const toB = b - a
  const toC = c - a
  const toD = d - a
  let aTotal0 = f32x4.splat(0)
  let aTotal1 = f32x4.splat(0)
  let bTotal0 = f32x4.splat(0)
  let bTotal1 = f32x4.splat(0)
  let cTotal0 = f32x4.splat(0)
  let cTotal1 = f32x4.splat(0)
  let dTotal0 = f32x4.splat(0)
  let dTotal1 = f32x4.splat(0)
  for (; a < end; unpacked += BLOCK, scale += 4) {
    let a0 = raisedBy(scale + sums)
    let a1 = raisedBy(scale + sums)
    let b0 = raisedBy(scale + toB + sums)
    let b1 = raisedBy(scale + toB + sums)
    let c0 = raisedBy(scale + toC + sums)
    let c1 = raisedBy(scale + toC + sums)
    let d0 = raisedBy(scale + toD + sums)
    let d1 = raisedBy(scale + toD + sums)
    let g: usize = 0
    do {
      const low0 = v128.load(unpacked + g, 32)
      const low1 = v128.load(unpacked + g, 48)
      const high0 = v128.load(unpacked + g, 64)
      const high1 = v128.load(unpacked + g, 80)
      let low = v128.load32_splat(a)
      let high = v128.load32_splat(a, 4)
      a0 = addEight(a0, low, high, low0, high0)
      a1 = addEight(a1, low, high, low1, high1)
      low = v128.load32_splat(a + toB)
      high = v128.load32_splat(a + toB, 4)
      b0 = addEight(b0, low, high, low0, high0)
      b1 = addEight(b1, low, high, low1, high1)
      low = v128.load32_splat(a + toC)
      high = v128.load32_splat(a + toC, 4)
      c0 = addEight(c0, low, high, low0, high0)
      c1 = addEight(c1, low, high, low1, high1)
      low = v128.load32_splat(a + toD)
      high = v128.load32_splat(a + toD, 4)
      d0 = addEight(d0, low, high, low0, high0)
      d1 = addEight(d1, low, high, low1, high1)
      a += 8
      g += 64
    } while (g < 256)
    const s0 = v128.load(unpacked)
    const s1 = v128.load(unpacked, 16)
    let s = v128.load32_splat(scale)
    aTotal0 = addScaled(aTotal0, a0, s0, s)
    aTotal1 = addScaled(aTotal1, a1, s1, s)
    s = v128.load32_splat(scale + toB)
    bTotal0 = addScaled(bTotal0, b0, s0, s)
    bTotal1 = addScaled(bTotal1, b1, s1, s)
    s = v128.load32_splat(scale + toC)
    cTotal0 = addScaled(cTotal0, c0, s0, s)
    cTotal1 = addScaled(cTotal1, c1, s1, s)
    s = v128.load32_splat(scale + toD)
    dTotal0 = addScaled(dTotal0, d0, s0, s)
    dTotal1 = addScaled(dTotal1, d1, s1, s)
  }
  v128.store(outA, aTotal0)
  v128.store(outA, aTotal1, 16)
  v128.store(outB, bTotal0)
  v128.store(outB, bTotal1, 16)
  v128.store(outC, cTotal0)
  v128.store(outC, cTotal1, 16)
  v128.store(outD, dTotal0)
  v128.store(outD, dTotal1, 16)
}
