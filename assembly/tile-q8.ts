/*
 * Product of 8-bit weights with one or four quantised activation rows.
 *
 * A band is the tiles of a group of 8 rows of weights, 272 B per tile of 32 columns: 8 bfloat16 scales, then 256 int8. For
 * each 8 columns, for each pair of them in the order (0,2) (4,6) (1,3) (5,7): rows 0-3, then rows 4-7, two int8 each.
 * record: activations as in quantize.ts; the int16 copy has the same order of pairs, so one 32-bit splat is a pair.
 * out: 8 floats per band, overwritten.
 * Why int16: int8 x int8 has no exact relaxed instruction; widened, i32x4.dot_i16x8_s is exact everywhere, and the
 * 8-bit product is bound by memory in decode anyway. out = sum over tiles of (scale_w * scale_a) * integer dot,
 * tile after tile. Bit-identical in all tiers. Two bands at once for one activation row: see tile-q4.ts.
 */
import { TileBytes } from '../src/kernels/abi/formats'

const TILE: usize = TileBytes.q8

/** Bands `first` and `second` with one activation row. */
export function tileQ8x1(
  first: usize,
  second: usize,
  columns: usize,
  record: usize,
  firstOut: usize,
  secondOut: usize,
): void {
  if (ASC_FEATURE_SIMD) {
    const blocks = columns >> 5
    let wide = record + columns
    let scale = record + 3 * columns
    let total0 = f32x4.splat(0)
    let total1 = f32x4.splat(0)
    let total2 = f32x4.splat(0)
    let total3 = f32x4.splat(0)
    for (let b: usize = 0; b < blocks; b++, first += TILE, second += TILE, wide += 64, scale += 4) {
      let dot0 = i32x4.splat(0)
      let dot1 = i32x4.splat(0)
      let dot2 = i32x4.splat(0)
      let dot3 = i32x4.splat(0)
      for (let i: usize = 0; i < 64; i += 4) {
        const a = v128.load32_splat(wide + i)
        const w = first + (i << 2)
        const v = second + (i << 2)
        dot0 = i32x4.add(dot0, i32x4.dot_i16x8_s(v128.load_ext<i8>(w, 16), a))
        dot1 = i32x4.add(dot1, i32x4.dot_i16x8_s(v128.load_ext<i8>(w, 24), a))
        dot2 = i32x4.add(dot2, i32x4.dot_i16x8_s(v128.load_ext<i8>(v, 16), a))
        dot3 = i32x4.add(dot3, i32x4.dot_i16x8_s(v128.load_ext<i8>(v, 24), a))
      }
      const s = v128.load32_splat(scale)
      total0 = addScaled(total0, dot0, i32x4.shl(v128.load_ext<u16>(first), 16), s)
      total1 = addScaled(total1, dot1, i32x4.shl(v128.load_ext<u16>(first, 8), 16), s)
      total2 = addScaled(total2, dot2, i32x4.shl(v128.load_ext<u16>(second), 16), s)
      total3 = addScaled(total3, dot3, i32x4.shl(v128.load_ext<u16>(second, 8), 16), s)
    }
    v128.store(firstOut, total0)
    v128.store(firstOut, total1, 16)
    v128.store(secondOut, total2)
    v128.store(secondOut, total3, 16)
  } else {
    scalarQ8(first, columns, record, firstOut)
    scalarQ8(second, columns, record, secondOut)
  }
}

/** One band with one activation row, without vectors. */
function scalarQ8(weights: usize, columns: usize, record: usize, out: usize): void {
  const blocks = columns >> 5
  const wide = record + columns
  const scale = record + 3 * columns
  for (let r: usize = 0; r < 8; r++) {
    let total: f32 = 0
    for (let b: usize = 0; b < blocks; b++) {
      const tile = weights + b * TILE
      let dot = 0
      for (let i: usize = 0; i < 16; i++) {
        const w = tile + 16 + (i << 4) + (r << 1)
        const a = wide + (b << 6) + (i << 2)
        dot += <i32>load<i8>(w) * <i32>load<i16>(a) + <i32>load<i8>(w, 1) * <i32>load<i16>(a, 2)
      }
      const scaleW = reinterpret<f32>((<u32>load<u16>(tile + (r << 1))) << 16)
      total += <f32>dot * (scaleW * load<f32>(scale + (b << 2)))
    }
    store<f32>(out + (r << 2), total)
  }
}

/** One band with four activation rows. */
export function tileQ8x4(
  weights: usize,
  columns: usize,
  ra: usize,
  rb: usize,
  rc: usize,
  rd: usize,
  outA: usize,
  outB: usize,
  outC: usize,
  outD: usize,
): void {
  if (ASC_FEATURE_SIMD) {
    const blocks = columns >> 5
    let scale = 3 * columns
    let aTotal0 = f32x4.splat(0)
    let aTotal1 = f32x4.splat(0)
    let bTotal0 = f32x4.splat(0)
    let bTotal1 = f32x4.splat(0)
    let cTotal0 = f32x4.splat(0)
    let cTotal1 = f32x4.splat(0)
    let dTotal0 = f32x4.splat(0)
    let dTotal1 = f32x4.splat(0)
    for (let b: usize = 0; b < blocks; b++, weights += TILE, scale += 4) {
      let a0 = i32x4.splat(0)
      let a1 = i32x4.splat(0)
      let b0 = i32x4.splat(0)
      let b1 = i32x4.splat(0)
      let c0 = i32x4.splat(0)
      let c1 = i32x4.splat(0)
      let d0 = i32x4.splat(0)
      let d1 = i32x4.splat(0)
      const wide = columns + (b << 6)
      for (let i: usize = 0; i < 64; i += 4) {
        const w0 = v128.load_ext<i8>(weights + 16 + (i << 2))
        const w1 = v128.load_ext<i8>(weights + 16 + (i << 2), 8)
        const p = wide + i
        let x = v128.load32_splat(ra + p)
        a0 = i32x4.add(a0, i32x4.dot_i16x8_s(w0, x))
        a1 = i32x4.add(a1, i32x4.dot_i16x8_s(w1, x))
        x = v128.load32_splat(rb + p)
        b0 = i32x4.add(b0, i32x4.dot_i16x8_s(w0, x))
        b1 = i32x4.add(b1, i32x4.dot_i16x8_s(w1, x))
        x = v128.load32_splat(rc + p)
        c0 = i32x4.add(c0, i32x4.dot_i16x8_s(w0, x))
        c1 = i32x4.add(c1, i32x4.dot_i16x8_s(w1, x))
        x = v128.load32_splat(rd + p)
        d0 = i32x4.add(d0, i32x4.dot_i16x8_s(w0, x))
        d1 = i32x4.add(d1, i32x4.dot_i16x8_s(w1, x))
      }
      const s0 = i32x4.shl(v128.load_ext<u16>(weights), 16)
      const s1 = i32x4.shl(v128.load_ext<u16>(weights, 8), 16)
      let s = v128.load32_splat(ra + scale)
      aTotal0 = addScaled(aTotal0, a0, s0, s)
      aTotal1 = addScaled(aTotal1, a1, s1, s)
      s = v128.load32_splat(rb + scale)
      bTotal0 = addScaled(bTotal0, b0, s0, s)
      bTotal1 = addScaled(bTotal1, b1, s1, s)
      s = v128.load32_splat(rc + scale)
      cTotal0 = addScaled(cTotal0, c0, s0, s)
      cTotal1 = addScaled(cTotal1, c1, s1, s)
      s = v128.load32_splat(rd + scale)
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
  } else {
    scalarQ8(weights, columns, ra, outA)
    scalarQ8(weights, columns, rb, outB)
    scalarQ8(weights, columns, rc, outC)
    scalarQ8(weights, columns, rd, outD)
  }
}

/** total + dot * (weight scale * activation scale). */
export function addScaled(total: v128, dot: v128, weightScale: v128, scale: v128): v128 {
  return f32x4.add(total, f32x4.mul(f32x4.convert_i32x4_s(dot), f32x4.mul(weightScale, scale)))
}
