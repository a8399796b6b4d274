/*
 * Product of 4-bit weights with two or four quantised activation rows. Relaxed tier only.
 *
 * Weights come straight from memory, in two streams as in tile-q4.ts, and their nibbles are widened in registers, once
 * for all rows, so that computing overlaps with reading. Weights that are unpacked first (tile-q4-unpacked.ts) are
 * first read and then used. The arithmetic, its order and every bit are as in tile-q4.ts.
 */
import { addPairs, highScales, lowScales, nibbleMask } from './tile'
import { addTile, highMinima, lowMinima, sumOf, tileBytes } from './tile-q4'
import { store2 } from './vectors'

/**
 * Bands `first` and `second` with the activation rows a and b. The second band's outputs are `outApart` bytes after the
 * first's.
 */
export function tilePairQ4x2<F>(
  first: usize,
  second: usize,
  columns: usize,
  a: usize,
  b: usize,
  outA: usize,
  outB: usize,
  outApart: usize,
): void {
  const LEVELS: usize = isFloat<F>() ? 32 : 16
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
  for (; a < end; first += tileBytes<F>(), second += tileBytes<F>(), scale += 4) {
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
      let w0 = v128.load(first + g, LEVELS)
      let w1 = v128.load(first + g, LEVELS + 16)
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
      w0 = v128.load(second + g, LEVELS)
      w1 = v128.load(second + g, LEVELS + 16)
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
    const s0 = lowScales(first)
    const s1 = highScales(first)
    const s2 = lowScales(second)
    const s3 = highScales(second)
    const m0 = lowMinima<F>(first)
    const m1 = highMinima<F>(first)
    const m2 = lowMinima<F>(second)
    const m3 = highMinima<F>(second)
    let s = v128.load32_splat(scale)
    let sum = sumOf<F>(scale + sums, scale)
    aTotal0 = addTile<F>(aTotal0, i32x4.extadd_pairwise_i16x8_s(a0), s0, s, m0, sum)
    aTotal1 = addTile<F>(aTotal1, i32x4.extadd_pairwise_i16x8_s(a1), s1, s, m1, sum)
    aTotal2 = addTile<F>(aTotal2, i32x4.extadd_pairwise_i16x8_s(a2), s2, s, m2, sum)
    aTotal3 = addTile<F>(aTotal3, i32x4.extadd_pairwise_i16x8_s(a3), s3, s, m3, sum)
    s = v128.load32_splat(scale + toB)
    sum = sumOf<F>(scale + toB + sums, scale + toB)
    bTotal0 = addTile<F>(bTotal0, i32x4.extadd_pairwise_i16x8_s(b0), s0, s, m0, sum)
    bTotal1 = addTile<F>(bTotal1, i32x4.extadd_pairwise_i16x8_s(b1), s1, s, m1, sum)
    bTotal2 = addTile<F>(bTotal2, i32x4.extadd_pairwise_i16x8_s(b2), s2, s, m2, sum)
    bTotal3 = addTile<F>(bTotal3, i32x4.extadd_pairwise_i16x8_s(b3), s3, s, m3, sum)
  }
  store2(outA, aTotal0, aTotal1)
  store2(outA + outApart, aTotal2, aTotal3)
  store2(outB, bTotal0, bTotal1)
  store2(outB + outApart, bTotal2, bTotal3)
}

/**
 * The same with four rows. Their activations are loaded again for each band, because there are not enough registers for
 * all.
 */
export function tilePairQ4x4<F>(
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
  const LEVELS: usize = isFloat<F>() ? 32 : 16
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
  for (; a < end; first += tileBytes<F>(), second += tileBytes<F>(), scale += 4) {
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
      w0 = v128.load(first + g, LEVELS)
      w1 = v128.load(first + g, LEVELS + 16)
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
      w0 = v128.load(second + g, LEVELS)
      w1 = v128.load(second + g, LEVELS + 16)
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
    const s0 = lowScales(first)
    const s1 = highScales(first)
    const s2 = lowScales(second)
    const s3 = highScales(second)
    const m0 = lowMinima<F>(first)
    const m1 = highMinima<F>(first)
    const m2 = lowMinima<F>(second)
    const m3 = highMinima<F>(second)
    let s: v128
    let sum: v128
    s = v128.load32_splat(scale)
    sum = sumOf<F>(scale + sums, scale)
    aTotal0 = addTile<F>(aTotal0, i32x4.extadd_pairwise_i16x8_s(a0), s0, s, m0, sum)
    aTotal1 = addTile<F>(aTotal1, i32x4.extadd_pairwise_i16x8_s(a1), s1, s, m1, sum)
    aTotal2 = addTile<F>(aTotal2, i32x4.extadd_pairwise_i16x8_s(a2), s2, s, m2, sum)
    aTotal3 = addTile<F>(aTotal3, i32x4.extadd_pairwise_i16x8_s(a3), s3, s, m3, sum)
    s = v128.load32_splat(scale + toB)
    sum = sumOf<F>(scale + toB + sums, scale + toB)
    bTotal0 = addTile<F>(bTotal0, i32x4.extadd_pairwise_i16x8_s(b0), s0, s, m0, sum)
    bTotal1 = addTile<F>(bTotal1, i32x4.extadd_pairwise_i16x8_s(b1), s1, s, m1, sum)
    bTotal2 = addTile<F>(bTotal2, i32x4.extadd_pairwise_i16x8_s(b2), s2, s, m2, sum)
    bTotal3 = addTile<F>(bTotal3, i32x4.extadd_pairwise_i16x8_s(b3), s3, s, m3, sum)
    s = v128.load32_splat(scale + toC)
    sum = sumOf<F>(scale + toC + sums, scale + toC)
    cTotal0 = addTile<F>(cTotal0, i32x4.extadd_pairwise_i16x8_s(c0), s0, s, m0, sum)
    cTotal1 = addTile<F>(cTotal1, i32x4.extadd_pairwise_i16x8_s(c1), s1, s, m1, sum)
    cTotal2 = addTile<F>(cTotal2, i32x4.extadd_pairwise_i16x8_s(c2), s2, s, m2, sum)
    cTotal3 = addTile<F>(cTotal3, i32x4.extadd_pairwise_i16x8_s(c3), s3, s, m3, sum)
    s = v128.load32_splat(scale + toD)
    sum = sumOf<F>(scale + toD + sums, scale + toD)
    dTotal0 = addTile<F>(dTotal0, i32x4.extadd_pairwise_i16x8_s(d0), s0, s, m0, sum)
    dTotal1 = addTile<F>(dTotal1, i32x4.extadd_pairwise_i16x8_s(d1), s1, s, m1, sum)
    dTotal2 = addTile<F>(dTotal2, i32x4.extadd_pairwise_i16x8_s(d2), s2, s, m2, sum)
    dTotal3 = addTile<F>(dTotal3, i32x4.extadd_pairwise_i16x8_s(d3), s3, s, m3, sum)
  }
  store2(outA, aTotal0, aTotal1)
  store2(outA + outApart, aTotal2, aTotal3)
  store2(outB, bTotal0, bTotal1)
  store2(outB + outApart, bTotal2, bTotal3)
  store2(outC, cTotal0, cTotal1)
  store2(outC + outApart, cTotal2, cTotal3)
  store2(outD, dTotal0, dTotal1)
  store2(outD + outApart, dTotal2, dTotal3)
}
