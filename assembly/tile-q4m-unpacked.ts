/*
 * Product of 8 rows of 4-bit weights with minima with many quantised activation rows: prefill. Used in the relaxed tier
 * only.
 *
 * Nibbles are widened to bytes once, as in tile-q4-unpacked.ts. Unpacked tile, 320 B: 8 float scales, 8 float minima,
 * then for each 4 columns rows 0-3 and rows 4-7, four bytes per row. The arithmetic, its order and every bit of
 * the result are as in tile-q4m.ts.
 */
import { INTERLEAVED_BLOCK_BYTES, TileBytes, UNPACKED_Q4M_BYTES } from '../src/kernels/abi/formats'
import { addPairs, nibbleMask } from './tile-q4'
import { pairOfOnes } from './tile-q4-unpacked'
import { addTile } from './tile-q4m'

const TILE: usize = TileBytes.q4m
const BLOCK: usize = UNPACKED_Q4M_BYTES

/** Bytes of one unpacked group of 8 rows. */
export function unpackedBytesQ4m(columns: usize): usize {
  return (columns >> 5) * BLOCK
}

export function unpackQ4m(weights: usize, columns: usize, unpacked: usize): void {
  const mask = nibbleMask(columns)
  const end = unpacked + unpackedBytesQ4m(columns)
  for (; unpacked < end; weights += TILE, unpacked += BLOCK) {
    v128.store(unpacked, i32x4.shl(v128.load_ext<u16>(weights), 16))
    v128.store(unpacked, i32x4.shl(v128.load_ext<u16>(weights, 8), 16), 16)
    v128.store(unpacked, i32x4.shl(v128.load_ext<u16>(weights, 16), 16), 32)
    v128.store(unpacked, i32x4.shl(v128.load_ext<u16>(weights, 24), 16), 48)
    for (let g: usize = 0; g < 4; g++) {
      const w0 = v128.load(weights + (g << 5), 32)
      const w1 = v128.load(weights + (g << 5), 48)
      const to = unpacked + (g << 6)
      v128.store(to, v128.and(w0, mask), 64)
      v128.store(to, v128.and(w1, mask), 80)
      v128.store(to, v128.and(i16x8.shr_u(w0, 4), mask), 96)
      v128.store(to, v128.and(i16x8.shr_u(w1, 4), mask), 112)
    }
  }
}

/** One unpacked band with four interleaved activation rows. */
export function tileUnpackedQ4mx4(
  unpacked: usize,
  columns: usize,
  rows: usize,
  outA: usize,
  outB: usize,
  outC: usize,
  outD: usize,
): void {
  const ones = pairOfOnes(columns)
  const end = rows + (columns >> 5) * INTERLEAVED_BLOCK_BYTES
  let aTotal0 = f32x4.splat(0)
  let aTotal1 = f32x4.splat(0)
  let bTotal0 = f32x4.splat(0)
  let bTotal1 = f32x4.splat(0)
  let cTotal0 = f32x4.splat(0)
  let cTotal1 = f32x4.splat(0)
  let dTotal0 = f32x4.splat(0)
  let dTotal1 = f32x4.splat(0)
  while (rows < end) {
    let a0 = i16x8.splat(0)
    let a1 = i16x8.splat(0)
    let b0 = i16x8.splat(0)
    let b1 = i16x8.splat(0)
    let c0 = i16x8.splat(0)
    let c1 = i16x8.splat(0)
    let d0 = i16x8.splat(0)
    let d1 = i16x8.splat(0)
    const scales = unpacked
    const stop = rows + 128
    // Tested at the end, because V8 only hoists out of a loop that it knows to run at least once.
    do {
      const w0 = v128.load(unpacked, 64)
      const w1 = v128.load(unpacked, 80)
      const xA = v128.load32_splat(rows)
      const xB = v128.load32_splat(rows, 4)
      const xC = v128.load32_splat(rows, 8)
      const xD = v128.load32_splat(rows, 12)
      a0 = addPairs(a0, xA, w0)
      a1 = addPairs(a1, xA, w1)
      b0 = addPairs(b0, xB, w0)
      b1 = addPairs(b1, xB, w1)
      c0 = addPairs(c0, xC, w0)
      c1 = addPairs(c1, xC, w1)
      d0 = addPairs(d0, xD, w0)
      d1 = addPairs(d1, xD, w1)
      rows += 16
      unpacked += 32
    } while (rows < stop)
    const s0 = v128.load(scales)
    const s1 = v128.load(scales, 16)
    const m0 = v128.load(scales, 32)
    const m1 = v128.load(scales, 48)
    let s = v128.load32_splat(rows, 16)
    let sum = v128.load32_splat(rows, 32)
    aTotal0 = addTile(aTotal0, i32x4.dot_i16x8_s(a0, ones), s0, s, m0, sum)
    aTotal1 = addTile(aTotal1, i32x4.dot_i16x8_s(a1, ones), s1, s, m1, sum)
    s = v128.load32_splat(rows, 20)
    sum = v128.load32_splat(rows, 36)
    bTotal0 = addTile(bTotal0, i32x4.dot_i16x8_s(b0, ones), s0, s, m0, sum)
    bTotal1 = addTile(bTotal1, i32x4.dot_i16x8_s(b1, ones), s1, s, m1, sum)
    s = v128.load32_splat(rows, 24)
    sum = v128.load32_splat(rows, 40)
    cTotal0 = addTile(cTotal0, i32x4.dot_i16x8_s(c0, ones), s0, s, m0, sum)
    cTotal1 = addTile(cTotal1, i32x4.dot_i16x8_s(c1, ones), s1, s, m1, sum)
    s = v128.load32_splat(rows, 28)
    sum = v128.load32_splat(rows, 44)
    dTotal0 = addTile(dTotal0, i32x4.dot_i16x8_s(d0, ones), s0, s, m0, sum)
    dTotal1 = addTile(dTotal1, i32x4.dot_i16x8_s(d1, ones), s1, s, m1, sum)
    rows += INTERLEAVED_BLOCK_BYTES - 128
    unpacked += BLOCK - 256
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
