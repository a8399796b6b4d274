/*
 * Product of 4-bit weights with minima with two or four quantised activation rows. Relaxed tier only.
 *
 * Two streams of weights as in tile-q4-pair.ts. The arithmetic, its order and every bit are as in tile-q4m.ts.
 */
import { TileBytes } from '../src/kernels/abi/formats'
import { addPairs, nibbleMask } from './tile-q4'
import { addTile, sumOf } from './tile-q4m'

const TILE: usize = TileBytes.q4m

/**
 * Bands `first` and `second` with the activation rows a and b. The second band's outputs are `outApart` bytes after the
 * first's.
 */
export function tilePairQ4mx2(
  first: usize,
  second: usize,
  columns: usize,
  a: usize,
  b: usize,
  outA: usize,
  outB: usize,
  outApart: usize,
): void {
  const mask = nibbleMask(columns)
  const sums = (columns >> 5) << 2
  const end = a + columns
  let scale = a + 3 * columns
  // The other row is addressed from the first one, so that one pointer moves for both.
  const toB = b - a
  let aTotal0 = f32x4.splat(0)
  let aTotal1 = f32x4.splat(0)
  let aTotal2 = f32x4.splat(0)
  let aTotal3 = f32x4.splat(0)
  let bTotal0 = f32x4.splat(0)
  let bTotal1 = f32x4.splat(0)
  let bTotal2 = f32x4.splat(0)
  let bTotal3 = f32x4.splat(0)
  for (; a < end; first += TILE, second += TILE, scale += 4) {
    let a0 = i16x8.splat(0)
    let a1 = i16x8.splat(0)
    let a2 = i16x8.splat(0)
    let a3 = i16x8.splat(0)
    let b0 = i16x8.splat(0)
    let b1 = i16x8.splat(0)
    let b2 = i16x8.splat(0)
    let b3 = i16x8.splat(0)
    // Tested at the end, because V8 only hoists out of a loop that it knows to run at least once.
    let g: usize = 0
    do {
      const aLow = v128.load32_splat(a)
      const aHigh = v128.load32_splat(a, 4)
      const bLow = v128.load32_splat(a + toB)
      const bHigh = v128.load32_splat(a + toB, 4)
      let w0 = v128.load(first + g, 32)
      let w1 = v128.load(first + g, 48)
      let n0 = v128.and(w0, mask)
      let n1 = v128.and(w1, mask)
      a0 = addPairs(a0, aLow, n0)
      a1 = addPairs(a1, aLow, n1)
      b0 = addPairs(b0, bLow, n0)
      b1 = addPairs(b1, bLow, n1)
      n0 = v128.and(i16x8.shr_u(w0, 4), mask)
      n1 = v128.and(i16x8.shr_u(w1, 4), mask)
      a0 = addPairs(a0, aHigh, n0)
      a1 = addPairs(a1, aHigh, n1)
      b0 = addPairs(b0, bHigh, n0)
      b1 = addPairs(b1, bHigh, n1)
      w0 = v128.load(second + g, 32)
      w1 = v128.load(second + g, 48)
      n0 = v128.and(w0, mask)
      n1 = v128.and(w1, mask)
      a2 = addPairs(a2, aLow, n0)
      a3 = addPairs(a3, aLow, n1)
      b2 = addPairs(b2, bLow, n0)
      b3 = addPairs(b3, bLow, n1)
      n0 = v128.and(i16x8.shr_u(w0, 4), mask)
      n1 = v128.and(i16x8.shr_u(w1, 4), mask)
      a2 = addPairs(a2, aHigh, n0)
      a3 = addPairs(a3, aHigh, n1)
      b2 = addPairs(b2, bHigh, n0)
      b3 = addPairs(b3, bHigh, n1)
      a += 8
      g += 32
    } while (g < 128)
    const s0 = i32x4.shl(v128.load_ext<u16>(first), 16)
    const s1 = i32x4.shl(v128.load_ext<u16>(first, 8), 16)
    const s2 = i32x4.shl(v128.load_ext<u16>(second), 16)
    const s3 = i32x4.shl(v128.load_ext<u16>(second, 8), 16)
    const m0 = i32x4.shl(v128.load_ext<u16>(first, 16), 16)
    const m1 = i32x4.shl(v128.load_ext<u16>(first, 24), 16)
    const m2 = i32x4.shl(v128.load_ext<u16>(second, 16), 16)
    const m3 = i32x4.shl(v128.load_ext<u16>(second, 24), 16)
    let s = v128.load32_splat(scale)
    let sum = sumOf(scale + sums, scale)
    aTotal0 = addTile(aTotal0, i32x4.extadd_pairwise_i16x8_s(a0), s0, s, m0, sum)
    aTotal1 = addTile(aTotal1, i32x4.extadd_pairwise_i16x8_s(a1), s1, s, m1, sum)
    aTotal2 = addTile(aTotal2, i32x4.extadd_pairwise_i16x8_s(a2), s2, s, m2, sum)
    aTotal3 = addTile(aTotal3, i32x4.extadd_pairwise_i16x8_s(a3), s3, s, m3, sum)
    s = v128.load32_splat(scale + toB)
    sum = sumOf(scale + toB + sums, scale + toB)
    bTotal0 = addTile(bTotal0, i32x4.extadd_pairwise_i16x8_s(b0), s0, s, m0, sum)
    bTotal1 = addTile(bTotal1, i32x4.extadd_pairwise_i16x8_s(b1), s1, s, m1, sum)
    bTotal2 = addTile(bTotal2, i32x4.extadd_pairwise_i16x8_s(b2), s2, s, m2, sum)
    bTotal3 = addTile(bTotal3, i32x4.extadd_pairwise_i16x8_s(b3), s3, s, m3, sum)
  }
  v128.store(outA, aTotal0)
  v128.store(outA, aTotal1, 16)
  v128.store(outA + outApart, aTotal2)
  v128.store(outA + outApart, aTotal3, 16)
  v128.store(outB, bTotal0)
  v128.store(outB, bTotal1, 16)
  v128.store(outB + outApart, bTotal2)
  v128.store(outB + outApart, bTotal3, 16)
}

/**
 * The same with four rows. Their activations are loaded again for each band, because there are not enough registers for
 * all.
 */
export function tilePairQ4mx4(
  first: usize,
  second: usize,
  columns: usize,
  a: usize,
  b: usize,
  c: usize,
  d: usize,
  outA: usize,
  outB: usize,
  outC: usize,
  outD: usize,
  outApart: usize,
): void {
  const mask = nibbleMask(columns)
  const sums = (columns >> 5) << 2
  const end = a + columns
  let scale = a + 3 * columns
  const toB = b - a
  const toC = c - a
  const toD = d - a
  let aTotal0 = f32x4.splat(0)
  let aTotal1 = f32x4.splat(0)
  let aTotal2 = f32x4.splat(0)
  let aTotal3 = f32x4.splat(0)
  let bTotal0 = f32x4.splat(0)
  let bTotal1 = f32x4.splat(0)
  let bTotal2 = f32x4.splat(0)
  let bTotal3 = f32x4.splat(0)
  let cTotal0 = f32x4.splat(0)
  let cTotal1 = f32x4.splat(0)
  let cTotal2 = f32x4.splat(0)
  let cTotal3 = f32x4.splat(0)
  let dTotal0 = f32x4.splat(0)
  let dTotal1 = f32x4.splat(0)
  let dTotal2 = f32x4.splat(0)
  let dTotal3 = f32x4.splat(0)
  for (; a < end; first += TILE, second += TILE, scale += 4) {
    let a0 = i16x8.splat(0)
    let a1 = i16x8.splat(0)
    let a2 = i16x8.splat(0)
    let a3 = i16x8.splat(0)
    let b0 = i16x8.splat(0)
    let b1 = i16x8.splat(0)
    let b2 = i16x8.splat(0)
    let b3 = i16x8.splat(0)
    let c0 = i16x8.splat(0)
    let c1 = i16x8.splat(0)
    let c2 = i16x8.splat(0)
    let c3 = i16x8.splat(0)
    let d0 = i16x8.splat(0)
    let d1 = i16x8.splat(0)
    let d2 = i16x8.splat(0)
    let d3 = i16x8.splat(0)
    let g: usize = 0
    do {
      let w0: v128
      let w1: v128
      let n0: v128
      let n1: v128
      let x: v128
      w0 = v128.load(first + g, 32)
      w1 = v128.load(first + g, 48)
      n0 = v128.and(w0, mask)
      n1 = v128.and(w1, mask)
      x = v128.load32_splat(a)
      a0 = addPairs(a0, x, n0)
      a1 = addPairs(a1, x, n1)
      x = v128.load32_splat(a + toB)
      b0 = addPairs(b0, x, n0)
      b1 = addPairs(b1, x, n1)
      x = v128.load32_splat(a + toC)
      c0 = addPairs(c0, x, n0)
      c1 = addPairs(c1, x, n1)
      x = v128.load32_splat(a + toD)
      d0 = addPairs(d0, x, n0)
      d1 = addPairs(d1, x, n1)
      n0 = v128.and(i16x8.shr_u(w0, 4), mask)
      n1 = v128.and(i16x8.shr_u(w1, 4), mask)
      x = v128.load32_splat(a, 4)
      a0 = addPairs(a0, x, n0)
      a1 = addPairs(a1, x, n1)
      x = v128.load32_splat(a + toB, 4)
      b0 = addPairs(b0, x, n0)
      b1 = addPairs(b1, x, n1)
      x = v128.load32_splat(a + toC, 4)
      c0 = addPairs(c0, x, n0)
      c1 = addPairs(c1, x, n1)
      x = v128.load32_splat(a + toD, 4)
      d0 = addPairs(d0, x, n0)
      d1 = addPairs(d1, x, n1)
      w0 = v128.load(second + g, 32)
      w1 = v128.load(second + g, 48)
      n0 = v128.and(w0, mask)
      n1 = v128.and(w1, mask)
      x = v128.load32_splat(a)
      a2 = addPairs(a2, x, n0)
      a3 = addPairs(a3, x, n1)
      x = v128.load32_splat(a + toB)
      b2 = addPairs(b2, x, n0)
      b3 = addPairs(b3, x, n1)
      x = v128.load32_splat(a + toC)
      c2 = addPairs(c2, x, n0)
      c3 = addPairs(c3, x, n1)
      x = v128.load32_splat(a + toD)
      d2 = addPairs(d2, x, n0)
      d3 = addPairs(d3, x, n1)
      n0 = v128.and(i16x8.shr_u(w0, 4), mask)
      n1 = v128.and(i16x8.shr_u(w1, 4), mask)
      x = v128.load32_splat(a, 4)
      a2 = addPairs(a2, x, n0)
      a3 = addPairs(a3, x, n1)
      x = v128.load32_splat(a + toB, 4)
      b2 = addPairs(b2, x, n0)
      b3 = addPairs(b3, x, n1)
      x = v128.load32_splat(a + toC, 4)
      c2 = addPairs(c2, x, n0)
      c3 = addPairs(c3, x, n1)
      x = v128.load32_splat(a + toD, 4)
      d2 = addPairs(d2, x, n0)
      d3 = addPairs(d3, x, n1)
      a += 8
      g += 32
    } while (g < 128)
    const s0 = i32x4.shl(v128.load_ext<u16>(first), 16)
    const s1 = i32x4.shl(v128.load_ext<u16>(first, 8), 16)
    const s2 = i32x4.shl(v128.load_ext<u16>(second), 16)
    const s3 = i32x4.shl(v128.load_ext<u16>(second, 8), 16)
    const m0 = i32x4.shl(v128.load_ext<u16>(first, 16), 16)
    const m1 = i32x4.shl(v128.load_ext<u16>(first, 24), 16)
    const m2 = i32x4.shl(v128.load_ext<u16>(second, 16), 16)
    const m3 = i32x4.shl(v128.load_ext<u16>(second, 24), 16)
    let s: v128
    let sum: v128
    s = v128.load32_splat(scale)
    sum = sumOf(scale + sums, scale)
    aTotal0 = addTile(aTotal0, i32x4.extadd_pairwise_i16x8_s(a0), s0, s, m0, sum)
    aTotal1 = addTile(aTotal1, i32x4.extadd_pairwise_i16x8_s(a1), s1, s, m1, sum)
    aTotal2 = addTile(aTotal2, i32x4.extadd_pairwise_i16x8_s(a2), s2, s, m2, sum)
    aTotal3 = addTile(aTotal3, i32x4.extadd_pairwise_i16x8_s(a3), s3, s, m3, sum)
    s = v128.load32_splat(scale + toB)
    sum = sumOf(scale + toB + sums, scale + toB)
    bTotal0 = addTile(bTotal0, i32x4.extadd_pairwise_i16x8_s(b0), s0, s, m0, sum)
    bTotal1 = addTile(bTotal1, i32x4.extadd_pairwise_i16x8_s(b1), s1, s, m1, sum)
    bTotal2 = addTile(bTotal2, i32x4.extadd_pairwise_i16x8_s(b2), s2, s, m2, sum)
    bTotal3 = addTile(bTotal3, i32x4.extadd_pairwise_i16x8_s(b3), s3, s, m3, sum)
    s = v128.load32_splat(scale + toC)
    sum = sumOf(scale + toC + sums, scale + toC)
    cTotal0 = addTile(cTotal0, i32x4.extadd_pairwise_i16x8_s(c0), s0, s, m0, sum)
    cTotal1 = addTile(cTotal1, i32x4.extadd_pairwise_i16x8_s(c1), s1, s, m1, sum)
    cTotal2 = addTile(cTotal2, i32x4.extadd_pairwise_i16x8_s(c2), s2, s, m2, sum)
    cTotal3 = addTile(cTotal3, i32x4.extadd_pairwise_i16x8_s(c3), s3, s, m3, sum)
    s = v128.load32_splat(scale + toD)
    sum = sumOf(scale + toD + sums, scale + toD)
    dTotal0 = addTile(dTotal0, i32x4.extadd_pairwise_i16x8_s(d0), s0, s, m0, sum)
    dTotal1 = addTile(dTotal1, i32x4.extadd_pairwise_i16x8_s(d1), s1, s, m1, sum)
    dTotal2 = addTile(dTotal2, i32x4.extadd_pairwise_i16x8_s(d2), s2, s, m2, sum)
    dTotal3 = addTile(dTotal3, i32x4.extadd_pairwise_i16x8_s(d3), s3, s, m3, sum)
  }
  v128.store(outA, aTotal0)
  v128.store(outA, aTotal1, 16)
  v128.store(outA + outApart, aTotal2)
  v128.store(outA + outApart, aTotal3, 16)
  v128.store(outB, bTotal0)
  v128.store(outB, bTotal1, 16)
  v128.store(outB + outApart, bTotal2)
  v128.store(outB + outApart, bTotal3, 16)
  v128.store(outC, cTotal0)
  v128.store(outC, cTotal1, 16)
  v128.store(outC + outApart, cTotal2)
  v128.store(outC + outApart, cTotal3, 16)
  v128.store(outD, dTotal0)
  v128.store(outD, dTotal1, 16)
  v128.store(outD + outApart, dTotal2)
  v128.store(outD + outApart, dTotal3, 16)
}
