/*
 * Product of 8 rows of 4-bit weights with many quantised activation rows: prefill. Used in the relaxed tier only.
 *
 * The nibbles of a group of 8 rows are widened to bytes once, into scratch memory that stays in the first-level cache,
 * and every activation row then reads the bytes: fewer instructions per row than with nibbles.
 * Unpacked tile: 8 float scales, in q4m 8 float minima, then for each 4 columns rows 0-3 and rows 4-7, four bytes per
 * row: 288 B in q4, 320 B in q4m.
 * Activations come four rows at a time, interleaved (interleave-activations.ts). The integer products, the
 * order of the floats' sums and every bit of the result are as in tile-q4.ts. Weights of mxfp4 have the unpacked tiles of
 * q4, with another zero point (tile-mxfp4-unpacked.ts).
 *
 * The inner loop has 8 sums, 2 vectors of weights and 4 of activations: with one for a product they fit the 15
 * registers that V8 uses. V8 moves all loads of a loop's body to its beginning, so more columns in a body would not
 * fit. If V8 fuses pairs of vectors, both halves of a tile become one.
 */
import { INTERLEAVED_BLOCK_BYTES, UNPACKED_Q4M_BYTES, UNPACKED_TILE_BYTES } from '../src/kernels/abi/formats'
import { addPairs, addScaled, highScales, lowScales, nibbleMask } from './tile'
import { addTile, highMinima, lowMinima, tileBytes } from './tile-q4'
import { store2 } from './vectors'

/** Bytes of an unpacked tile. */
function blockBytes<F>(): usize {
  return isFloat<F>() ? UNPACKED_Q4M_BYTES : UNPACKED_TILE_BYTES
}

/** Bytes of one unpacked group of 8 rows. */
export function unpackedBytes<F>(columns: usize): usize {
  return (columns >> 5) * blockBytes<F>()
}

export function unpackQ4<F>(weights: usize, columns: usize, unpacked: usize): void {
  const LEVELS: usize = isFloat<F>() ? 32 : 16
  const BYTES: usize = 2 * LEVELS
  const mask = nibbleMask(columns)
  const end = unpacked + unpackedBytes<F>(columns)
  for (; unpacked < end; weights += tileBytes<F>(), unpacked += blockBytes<F>()) {
    store2(unpacked, lowScales(weights), highScales(weights))
    if (isFloat<F>()) store2(unpacked + 32, lowMinima<F>(weights), highMinima<F>(weights))
    for (let g: usize = 0; g < 4; g++) {
      const w0 = v128.load(weights + (g << 5), LEVELS)
      const w1 = v128.load(weights + (g << 5), LEVELS + 16)
      const to = unpacked + (g << 6)
      v128.store(to, v128.and(w0, mask), BYTES)
      v128.store(to, v128.and(w1, mask), BYTES + 16)
      v128.store(to, v128.and(i16x8.shr_u(w0, 4), mask), BYTES + 32)
      v128.store(to, v128.and(i16x8.shr_u(w1, 4), mask), BYTES + 48)
    }
  }
}

/** One unpacked band with four interleaved activation rows. */
export function tileUnpackedQ4x4<F>(
  unpacked: usize,
  columns: usize,
  rows: usize,
  outA: usize,
  outB: usize,
  outC: usize,
  outD: usize,
): void {
  const BYTES: usize = isFloat<F>() ? 64 : 32
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
      const w0 = v128.load(unpacked, BYTES)
      const w1 = v128.load(unpacked, BYTES + 16)
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
    const m0 = isFloat<F>() ? v128.load(scales, 32) : s0
    const m1 = isFloat<F>() ? v128.load(scales, 48) : s1
    let s = v128.load32_splat(rows, 16)
    let sum = isFloat<F>() ? v128.load32_splat(rows, 32) : s
    aTotal0 = addUnpacked<F>(aTotal0, i32x4.dot_i16x8_s(a0, ones), s0, s, m0, sum)
    aTotal1 = addUnpacked<F>(aTotal1, i32x4.dot_i16x8_s(a1, ones), s1, s, m1, sum)
    s = v128.load32_splat(rows, 20)
    if (isFloat<F>()) sum = v128.load32_splat(rows, 36)
    bTotal0 = addUnpacked<F>(bTotal0, i32x4.dot_i16x8_s(b0, ones), s0, s, m0, sum)
    bTotal1 = addUnpacked<F>(bTotal1, i32x4.dot_i16x8_s(b1, ones), s1, s, m1, sum)
    s = v128.load32_splat(rows, 24)
    if (isFloat<F>()) sum = v128.load32_splat(rows, 40)
    cTotal0 = addUnpacked<F>(cTotal0, i32x4.dot_i16x8_s(c0, ones), s0, s, m0, sum)
    cTotal1 = addUnpacked<F>(cTotal1, i32x4.dot_i16x8_s(c1, ones), s1, s, m1, sum)
    s = v128.load32_splat(rows, 28)
    if (isFloat<F>()) sum = v128.load32_splat(rows, 44)
    dTotal0 = addUnpacked<F>(dTotal0, i32x4.dot_i16x8_s(d0, ones), s0, s, m0, sum)
    dTotal1 = addUnpacked<F>(dTotal1, i32x4.dot_i16x8_s(d1, ones), s1, s, m1, sum)
    rows += INTERLEAVED_BLOCK_BYTES - 128
    unpacked += blockBytes<F>() - 256
  }
  store2(outA, aTotal0, aTotal1)
  store2(outB, bTotal0, bTotal1)
  store2(outC, cTotal0, cTotal1)
  store2(outD, dTotal0, dTotal1)
}

/** As addTile, but the sums of pairs of q4 begin with the zero point's share. */
function addUnpacked<F>(total: v128, dot: v128, weightScale: v128, scale: v128, minimum: v128, sum: v128): v128 {
  return isFloat<F>()
    ? addTile<F>(total, dot, weightScale, scale, minimum, sum)
    : addScaled(total, dot, weightScale, scale)
}

/**
 * 1 in every 16-bit lane: a dot product with it adds the lanes in pairs. `columns` is a multiple of 32 and adds
 * nothing; see nibbleMask.
 */
function pairOfOnes(columns: usize): v128 {
  return i16x8.splat(1 + <i16>(columns & 31))
}
