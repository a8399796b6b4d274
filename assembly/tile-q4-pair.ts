/*
 * Product of 4-bit weights with two or four quantised activation rows. Relaxed tier only.
 *
 * Weights come straight from memory, in two streams as in tile-q4.ts, and their nibbles are widened in registers, once
 * for all rows, so that computing overlaps with reading. Weights that are unpacked first (tile-q4-unpacked.ts) are
 * first read and then used. The arithmetic, its order and every bit are as in tile-q4.ts.
 */
import { TileBytes } from '../src/kernels/abi/formats'
import { addPairs, nibbleMask } from './tile-q4'
import { addScaled } from './tile-q8'

const TILE: usize = TileBytes.q4

/**
 * Bands `first` and `second` with the activation rows a and b. The second band's outputs are `outApart` bytes after the
 * first's.
 */
export function tilePairQ4x2(
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
      let w0 = v128.load(first + g, 16)
      let w1 = v128.load(first + g, 32)
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
      w0 = v128.load(second + g, 16)
      w1 = v128.load(second + g, 32)
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
    let s = v128.load32_splat(scale)
    let zero = v128.load32_splat(scale + sums)
    aTotal0 = addBlock(aTotal0, a0, zero, s0, s)
    aTotal1 = addBlock(aTotal1, a1, zero, s1, s)
    aTotal2 = addBlock(aTotal2, a2, zero, s2, s)
    aTotal3 = addBlock(aTotal3, a3, zero, s3, s)
    s = v128.load32_splat(scale + toB)
    zero = v128.load32_splat(scale + toB + sums)
    bTotal0 = addBlock(bTotal0, b0, zero, s0, s)
    bTotal1 = addBlock(bTotal1, b1, zero, s1, s)
    bTotal2 = addBlock(bTotal2, b2, zero, s2, s)
    bTotal3 = addBlock(bTotal3, b3, zero, s3, s)
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
export function tilePairQ4x4(
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
      w0 = v128.load(first + g, 16)
      w1 = v128.load(first + g, 32)
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
      w0 = v128.load(second + g, 16)
      w1 = v128.load(second + g, 32)
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
    let s: v128
    let zero: v128
    s = v128.load32_splat(scale)
    zero = v128.load32_splat(scale + sums)
    aTotal0 = addBlock(aTotal0, a0, zero, s0, s)
    aTotal1 = addBlock(aTotal1, a1, zero, s1, s)
    aTotal2 = addBlock(aTotal2, a2, zero, s2, s)
    aTotal3 = addBlock(aTotal3, a3, zero, s3, s)
    s = v128.load32_splat(scale + toB)
    zero = v128.load32_splat(scale + toB + sums)
    bTotal0 = addBlock(bTotal0, b0, zero, s0, s)
    bTotal1 = addBlock(bTotal1, b1, zero, s1, s)
    bTotal2 = addBlock(bTotal2, b2, zero, s2, s)
    bTotal3 = addBlock(bTotal3, b3, zero, s3, s)
    s = v128.load32_splat(scale + toC)
    zero = v128.load32_splat(scale + toC + sums)
    cTotal0 = addBlock(cTotal0, c0, zero, s0, s)
    cTotal1 = addBlock(cTotal1, c1, zero, s1, s)
    cTotal2 = addBlock(cTotal2, c2, zero, s2, s)
    cTotal3 = addBlock(cTotal3, c3, zero, s3, s)
    s = v128.load32_splat(scale + toD)
    zero = v128.load32_splat(scale + toD + sums)
    dTotal0 = addBlock(dTotal0, d0, zero, s0, s)
    dTotal1 = addBlock(dTotal1, d1, zero, s1, s)
    dTotal2 = addBlock(dTotal2, d2, zero, s2, s)
    dTotal3 = addBlock(dTotal3, d3, zero, s3, s)
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

/** total + scales * (the sums of pairs, added up and without the zero point). */
export function addBlock(total: v128, pairs: v128, zero: v128, weightScale: v128, scale: v128): v128 {
  return addScaled(total, i32x4.add(i32x4.extadd_pairwise_i16x8_s(pairs), zero), weightScale, scale)
}
