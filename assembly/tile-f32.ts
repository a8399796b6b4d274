/*
 * Product of f32 weights with one or four activation rows.
 *
 * A band is the tiles of a group of 8 rows of weights, 1024 B per tile of 32 columns: for each column the 8 rows'
 * floats. x: row of `columns` floats, columns a multiple of 32, padding zero. out: 8 floats per band, overwritten.
 * Order of additions: each tile's 32 products one after the other from 0, then the tile's sum to the total. Two levels
 * keep the rounding error near a pairwise sum's. Bit-identical in all tiers and for any number of rows at once. Two
 * bands at once for one activation row: see tile-q4.ts.
 */
import { TileBytes } from '../src/kernels/abi/formats'

const TILE: usize = TileBytes.f32

/** Bands `first` and `second` with one activation row. */
export function tileF32x1(
  first: usize,
  second: usize,
  columns: usize,
  x: usize,
  firstOut: usize,
  secondOut: usize,
): void {
  if (ASC_FEATURE_SIMD) {
    const end = x + (columns << 2)
    let total0 = f32x4.splat(0)
    let total1 = f32x4.splat(0)
    let total2 = f32x4.splat(0)
    let total3 = f32x4.splat(0)
    for (; x < end; x += 128, first += TILE, second += TILE) {
      let sum0 = f32x4.splat(0)
      let sum1 = f32x4.splat(0)
      let sum2 = f32x4.splat(0)
      let sum3 = f32x4.splat(0)
      for (let c: usize = 0; c < 128; c += 4) {
        const a = v128.load32_splat(x + c)
        const w = first + (c << 3)
        const v = second + (c << 3)
        sum0 = f32x4.add(sum0, f32x4.mul(v128.load(w), a))
        sum1 = f32x4.add(sum1, f32x4.mul(v128.load(w, 16), a))
        sum2 = f32x4.add(sum2, f32x4.mul(v128.load(v), a))
        sum3 = f32x4.add(sum3, f32x4.mul(v128.load(v, 16), a))
      }
      total0 = f32x4.add(total0, sum0)
      total1 = f32x4.add(total1, sum1)
      total2 = f32x4.add(total2, sum2)
      total3 = f32x4.add(total3, sum3)
    }
    v128.store(firstOut, total0)
    v128.store(firstOut, total1, 16)
    v128.store(secondOut, total2)
    v128.store(secondOut, total3, 16)
  } else {
    scalarF32(first, columns, x, firstOut)
    scalarF32(second, columns, x, secondOut)
  }
}

/** One band with one activation row, without vectors. */
function scalarF32(weights: usize, columns: usize, x: usize, out: usize): void {
  const end = x + (columns << 2)
  for (let r: usize = 0; r < 8; r++) {
    let total: f32 = 0
    for (let p = x, w = weights + (r << 2); p < end; p += 128, w += TILE) {
      let sum: f32 = 0
      for (let c: usize = 0; c < 32; c++) sum += load<f32>(w + (c << 5)) * load<f32>(p + (c << 2))
      total += sum
    }
    store<f32>(out + (r << 2), total)
  }
}

/** One band with four activation rows: each weight is loaded once for all four. */
export function tileF32x4(
  weights: usize,
  columns: usize,
  xa: usize,
  xb: usize,
  xc: usize,
  xd: usize,
  outA: usize,
  outB: usize,
  outC: usize,
  outD: usize,
): void {
  if (ASC_FEATURE_SIMD) {
    zero8(outA)
    zero8(outB)
    zero8(outC)
    zero8(outD)
    const bytes = columns << 2
    for (let i: usize = 0; i < bytes; i += 128, weights += TILE) {
      let a0 = f32x4.splat(0)
      let a1 = f32x4.splat(0)
      let b0 = f32x4.splat(0)
      let b1 = f32x4.splat(0)
      let c0 = f32x4.splat(0)
      let c1 = f32x4.splat(0)
      let d0 = f32x4.splat(0)
      let d1 = f32x4.splat(0)
      for (let c: usize = 0; c < 128; c += 4) {
        const w0 = v128.load(weights + (c << 3))
        const w1 = v128.load(weights + (c << 3), 16)
        const p = i + c
        const a = v128.load32_splat(xa + p)
        a0 = f32x4.add(a0, f32x4.mul(w0, a))
        a1 = f32x4.add(a1, f32x4.mul(w1, a))
        const b = v128.load32_splat(xb + p)
        b0 = f32x4.add(b0, f32x4.mul(w0, b))
        b1 = f32x4.add(b1, f32x4.mul(w1, b))
        const e = v128.load32_splat(xc + p)
        c0 = f32x4.add(c0, f32x4.mul(w0, e))
        c1 = f32x4.add(c1, f32x4.mul(w1, e))
        const d = v128.load32_splat(xd + p)
        d0 = f32x4.add(d0, f32x4.mul(w0, d))
        d1 = f32x4.add(d1, f32x4.mul(w1, d))
      }
      addTo8(outA, a0, a1)
      addTo8(outB, b0, b1)
      addTo8(outC, c0, c1)
      addTo8(outD, d0, d1)
    }
  } else {
    scalarF32(weights, columns, xa, outA)
    scalarF32(weights, columns, xb, outB)
    scalarF32(weights, columns, xc, outC)
    scalarF32(weights, columns, xd, outD)
  }
}

/** Totals of a four-row tile are kept in the output: 8 of them besides 8 sums would not fit 16 registers. */
function zero8(out: usize): void {
  v128.store(out, f32x4.splat(0))
  v128.store(out, f32x4.splat(0), 16)
}

function addTo8(out: usize, sum0: v128, sum1: v128): void {
  const total0 = f32x4.add(v128.load(out), sum0)
  const total1 = f32x4.add(v128.load(out, 16), sum1)
  v128.store(out, total0)
  v128.store(out, total1, 16)
}
