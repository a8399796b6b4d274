/*
 * Product of 8 rows of 4-bit weights with minima with many quantised activation rows: prefill. Used in the relaxed tier
 * only.
 *
 * Nibbles are widened to bytes once, as in tile-q4-unpacked.ts. Unpacked tile, 320 B: 8 float scales, 8 float minima,
 * then for each 4 columns rows 0-3 and rows 4-7, four bytes per row. The arithmetic and its order are those of
 * tile-q4m.ts, and so is every bit of the result.
 */
import { TileBytes, UNPACKED_Q4M_BYTES } from '../src/runtime/abi/formats'
import { addPairs, nibbleMask } from './tile-q4'
import { addTile, sumOf } from './tile-q4m'

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

/** One unpacked band with four activation rows. */
export function tileUnpackedQ4mx4(
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
  for (; a < end; unpacked += BLOCK, a += 32, scale += 4) {
    let a0 = i16x8.splat(0)
    let a1 = i16x8.splat(0)
    let b0 = i16x8.splat(0)
    let b1 = i16x8.splat(0)
    let c0 = i16x8.splat(0)
    let c1 = i16x8.splat(0)
    let d0 = i16x8.splat(0)
    let d1 = i16x8.splat(0)
    let w0 = v128.load(unpacked, 64)
    let w1 = v128.load(unpacked, 80)
    let x = v128.load32_splat(a, 0)
    a0 = addPairs(a0, x, w0)
    a1 = addPairs(a1, x, w1)
    x = v128.load32_splat(a + toB, 0)
    b0 = addPairs(b0, x, w0)
    b1 = addPairs(b1, x, w1)
    x = v128.load32_splat(a + toC, 0)
    c0 = addPairs(c0, x, w0)
    c1 = addPairs(c1, x, w1)
    x = v128.load32_splat(a + toD, 0)
    d0 = addPairs(d0, x, w0)
    d1 = addPairs(d1, x, w1)
    w0 = v128.load(unpacked, 96)
    w1 = v128.load(unpacked, 112)
    x = v128.load32_splat(a, 4)
    a0 = addPairs(a0, x, w0)
    a1 = addPairs(a1, x, w1)
    x = v128.load32_splat(a + toB, 4)
    b0 = addPairs(b0, x, w0)
    b1 = addPairs(b1, x, w1)
    x = v128.load32_splat(a + toC, 4)
    c0 = addPairs(c0, x, w0)
    c1 = addPairs(c1, x, w1)
    x = v128.load32_splat(a + toD, 4)
    d0 = addPairs(d0, x, w0)
    d1 = addPairs(d1, x, w1)
    w0 = v128.load(unpacked, 128)
    w1 = v128.load(unpacked, 144)
    x = v128.load32_splat(a, 8)
    a0 = addPairs(a0, x, w0)
    a1 = addPairs(a1, x, w1)
    x = v128.load32_splat(a + toB, 8)
    b0 = addPairs(b0, x, w0)
    b1 = addPairs(b1, x, w1)
    x = v128.load32_splat(a + toC, 8)
    c0 = addPairs(c0, x, w0)
    c1 = addPairs(c1, x, w1)
    x = v128.load32_splat(a + toD, 8)
    d0 = addPairs(d0, x, w0)
    d1 = addPairs(d1, x, w1)
    w0 = v128.load(unpacked, 160)
    w1 = v128.load(unpacked, 176)
    x = v128.load32_splat(a, 12)
    a0 = addPairs(a0, x, w0)
    a1 = addPairs(a1, x, w1)
    x = v128.load32_splat(a + toB, 12)
    b0 = addPairs(b0, x, w0)
    b1 = addPairs(b1, x, w1)
    x = v128.load32_splat(a + toC, 12)
    c0 = addPairs(c0, x, w0)
    c1 = addPairs(c1, x, w1)
    x = v128.load32_splat(a + toD, 12)
    d0 = addPairs(d0, x, w0)
    d1 = addPairs(d1, x, w1)
    w0 = v128.load(unpacked, 192)
    w1 = v128.load(unpacked, 208)
    x = v128.load32_splat(a, 16)
    a0 = addPairs(a0, x, w0)
    a1 = addPairs(a1, x, w1)
    x = v128.load32_splat(a + toB, 16)
    b0 = addPairs(b0, x, w0)
    b1 = addPairs(b1, x, w1)
    x = v128.load32_splat(a + toC, 16)
    c0 = addPairs(c0, x, w0)
    c1 = addPairs(c1, x, w1)
    x = v128.load32_splat(a + toD, 16)
    d0 = addPairs(d0, x, w0)
    d1 = addPairs(d1, x, w1)
    w0 = v128.load(unpacked, 224)
    w1 = v128.load(unpacked, 240)
    x = v128.load32_splat(a, 20)
    a0 = addPairs(a0, x, w0)
    a1 = addPairs(a1, x, w1)
    x = v128.load32_splat(a + toB, 20)
    b0 = addPairs(b0, x, w0)
    b1 = addPairs(b1, x, w1)
    x = v128.load32_splat(a + toC, 20)
    c0 = addPairs(c0, x, w0)
    c1 = addPairs(c1, x, w1)
    x = v128.load32_splat(a + toD, 20)
    d0 = addPairs(d0, x, w0)
    d1 = addPairs(d1, x, w1)
    w0 = v128.load(unpacked, 256)
    w1 = v128.load(unpacked, 272)
    x = v128.load32_splat(a, 24)
    a0 = addPairs(a0, x, w0)
    a1 = addPairs(a1, x, w1)
    x = v128.load32_splat(a + toB, 24)
    b0 = addPairs(b0, x, w0)
    b1 = addPairs(b1, x, w1)
    x = v128.load32_splat(a + toC, 24)
    c0 = addPairs(c0, x, w0)
    c1 = addPairs(c1, x, w1)
    x = v128.load32_splat(a + toD, 24)
    d0 = addPairs(d0, x, w0)
    d1 = addPairs(d1, x, w1)
    w0 = v128.load(unpacked, 288)
    w1 = v128.load(unpacked, 304)
    x = v128.load32_splat(a, 28)
    a0 = addPairs(a0, x, w0)
    a1 = addPairs(a1, x, w1)
    x = v128.load32_splat(a + toB, 28)
    b0 = addPairs(b0, x, w0)
    b1 = addPairs(b1, x, w1)
    x = v128.load32_splat(a + toC, 28)
    c0 = addPairs(c0, x, w0)
    c1 = addPairs(c1, x, w1)
    x = v128.load32_splat(a + toD, 28)
    d0 = addPairs(d0, x, w0)
    d1 = addPairs(d1, x, w1)
    const s0 = v128.load(unpacked)
    const s1 = v128.load(unpacked, 16)
    const m0 = v128.load(unpacked, 32)
    const m1 = v128.load(unpacked, 48)
    let s = v128.load32_splat(scale)
    let sum = sumOf(scale + sums, scale)
    aTotal0 = addTile(aTotal0, i32x4.extadd_pairwise_i16x8_s(a0), s0, s, m0, sum)
    aTotal1 = addTile(aTotal1, i32x4.extadd_pairwise_i16x8_s(a1), s1, s, m1, sum)
    s = v128.load32_splat(scale + toB)
    sum = sumOf(scale + toB + sums, scale + toB)
    bTotal0 = addTile(bTotal0, i32x4.extadd_pairwise_i16x8_s(b0), s0, s, m0, sum)
    bTotal1 = addTile(bTotal1, i32x4.extadd_pairwise_i16x8_s(b1), s1, s, m1, sum)
    s = v128.load32_splat(scale + toC)
    sum = sumOf(scale + toC + sums, scale + toC)
    cTotal0 = addTile(cTotal0, i32x4.extadd_pairwise_i16x8_s(c0), s0, s, m0, sum)
    cTotal1 = addTile(cTotal1, i32x4.extadd_pairwise_i16x8_s(c1), s1, s, m1, sum)
    s = v128.load32_splat(scale + toD)
    sum = sumOf(scale + toD + sums, scale + toD)
    dTotal0 = addTile(dTotal0, i32x4.extadd_pairwise_i16x8_s(d0), s0, s, m0, sum)
    dTotal1 = addTile(dTotal1, i32x4.extadd_pairwise_i16x8_s(d1), s1, s, m1, sum)
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
