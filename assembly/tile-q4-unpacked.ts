/*
 * Product of 8 rows of 4-bit weights with many quantised activation rows: prefill. Used in the relaxed tier only.
 *
 * The nibbles of a group of 8 rows are widened to bytes once, into scratch memory that stays in the first-level cache,
 * and every activation row then reads the bytes: fewer instructions per row than with nibbles.
 * Unpacked tile, 288 B: 8 float scales, then for each 4 columns rows 0-3 and rows 4-7, four bytes per row.
 * Activations come four rows at a time, interleaved (interleave-activations.ts). The integer products, the
 * order of the floats' sums and every bit of the result are as in tile-q4.ts. Weights of mxfp4 have the same unpacked
 * tiles, with another zero point (tile-mxfp4-unpacked.ts).
 *
 * The inner loop has 8 sums, 2 vectors of weights and 4 of activations: with one for a product they fit the 15
 * registers that V8 uses. V8 moves all loads of a loop's body to its beginning, so more columns in a body would not
 * fit. If V8 fuses pairs of vectors, both halves of a tile become one.
 */
import { INTERLEAVED_BLOCK_BYTES, TileBytes, UNPACKED_TILE_BYTES } from '../src/kernels/abi/formats'
import { addPairs, nibbleMask } from './tile-q4'
import { addScaled } from './tile-q8'

const TILE: usize = TileBytes.q4
const BLOCK: usize = UNPACKED_TILE_BYTES

/** Bytes of one unpacked group of 8 rows. */
export function unpackedBytes(columns: usize): usize {
  return (columns >> 5) * BLOCK
}

export function unpackQ4(weights: usize, columns: usize, unpacked: usize): void {
  const mask = nibbleMask(columns)
  const end = unpacked + unpackedBytes(columns)
  for (; unpacked < end; weights += TILE, unpacked += BLOCK) {
    v128.store(unpacked, i32x4.shl(v128.load_ext<u16>(weights), 16))
    v128.store(unpacked, i32x4.shl(v128.load_ext<u16>(weights, 8), 16), 16)
    for (let g: usize = 0; g < 4; g++) {
      const w0 = v128.load(weights + (g << 5), 16)
      const w1 = v128.load(weights + (g << 5), 32)
      const to = unpacked + (g << 6)
      v128.store(to, v128.and(w0, mask), 32)
      v128.store(to, v128.and(w1, mask), 48)
      v128.store(to, v128.and(i16x8.shr_u(w0, 4), mask), 64)
      v128.store(to, v128.and(i16x8.shr_u(w1, 4), mask), 80)
    }
  }
}

/** One unpacked band with four interleaved activation rows. */
export function tileUnpackedQ4x4(
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
    let a0 = v128.load32_splat(rows, 128)
    let a1 = a0
    let b0 = v128.load32_splat(rows, 132)
    let b1 = b0
    let c0 = v128.load32_splat(rows, 136)
    let c1 = c0
    let d0 = v128.load32_splat(rows, 140)
    let d1 = d0
    const scales = unpacked
    const stop = rows + 128
    // Tested at the end, because V8 only hoists out of a loop that it knows to run at least once.
    do {
      const w0 = v128.load(unpacked, 32)
      const w1 = v128.load(unpacked, 48)
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
    let s = v128.load32_splat(rows, 16)
    aTotal0 = addScaled(aTotal0, i32x4.dot_i16x8_s(a0, ones), s0, s)
    aTotal1 = addScaled(aTotal1, i32x4.dot_i16x8_s(a1, ones), s1, s)
    s = v128.load32_splat(rows, 20)
    bTotal0 = addScaled(bTotal0, i32x4.dot_i16x8_s(b0, ones), s0, s)
    bTotal1 = addScaled(bTotal1, i32x4.dot_i16x8_s(b1, ones), s1, s)
    s = v128.load32_splat(rows, 24)
    cTotal0 = addScaled(cTotal0, i32x4.dot_i16x8_s(c0, ones), s0, s)
    cTotal1 = addScaled(cTotal1, i32x4.dot_i16x8_s(c1, ones), s1, s)
    s = v128.load32_splat(rows, 28)
    dTotal0 = addScaled(dTotal0, i32x4.dot_i16x8_s(d0, ones), s0, s)
    dTotal1 = addScaled(dTotal1, i32x4.dot_i16x8_s(d1, ones), s1, s)
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

/**
 * 1 in every 16-bit lane: a dot product with it adds the lanes in pairs. `columns` is a multiple of 32 and adds
 * nothing; see nibbleMask.
 */
export function pairOfOnes(columns: usize): v128 {
  return i16x8.splat(1 + <i16>(columns & 31))
}
