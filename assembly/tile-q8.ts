/*
 * Product of 8 rows of 8-bit weights with one or four quantised activation rows.
 *
 * weights: the tiles of one group of 8 rows, 272 B a tile of 32 columns: 8 bfloat16 scales, then 256 int8. For each
 * 8 columns, for each pair of them in the order (0,2) (4,6) (1,3) (5,7): rows 0-3, then rows 4-7, two int8 each.
 * record: activations as in quantize.ts; the int16 copy has the same order of pairs, so one 32-bit splat is a pair.
 * out: 8 floats, overwritten.
 * Why int16: int8 x int8 has no exact relaxed instruction; widened, i32x4.dot_i16x8_s is exact everywhere, and the
 * 8-bit product is bound by memory in decode all the same. out = sum over tiles of (scale_w * scale_a) * integer dot,
 * tile after tile. Bit-identical in all tiers.
 */
import { addTo8, zero8 } from './tile-f32'

const TILE: usize = 272

export function tileQ8x1(weights: usize, columns: usize, record: usize, out: usize): void {
  const blocks = columns >> 5
  let wide = record + columns
  let scale = record + 3 * columns
  if (ASC_FEATURE_SIMD) {
    let total0 = f32x4.splat(0)
    let total1 = f32x4.splat(0)
    for (let b: usize = 0; b < blocks; b++, weights += TILE, wide += 64, scale += 4) {
      let dot0 = i32x4.splat(0)
      let dot1 = i32x4.splat(0)
      for (let i: usize = 0; i < 16; i++) {
        const a = v128.load32_splat(wide + (i << 2))
        const w = weights + 16 + (i << 4)
        dot0 = i32x4.add(dot0, i32x4.dot_i16x8_s(v128.load_ext<i8>(w), a))
        dot1 = i32x4.add(dot1, i32x4.dot_i16x8_s(v128.load_ext<i8>(w, 8), a))
      }
      const s = v128.load32_splat(scale)
      const s0 = f32x4.mul(i32x4.shl(v128.load_ext<u16>(weights), 16), s)
      const s1 = f32x4.mul(i32x4.shl(v128.load_ext<u16>(weights, 8), 16), s)
      total0 = f32x4.add(total0, f32x4.mul(f32x4.convert_i32x4_s(dot0), s0))
      total1 = f32x4.add(total1, f32x4.mul(f32x4.convert_i32x4_s(dot1), s1))
    }
    v128.store(out, total0)
    v128.store(out, total1, 16)
  } else {
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
}

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
    const scales = 3 * columns
    zero8(outA)
    zero8(outB)
    zero8(outC)
    zero8(outD)
    for (let b: usize = 0; b < blocks; b++, weights += TILE) {
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
        const a = v128.load32_splat(ra + p)
        a0 = i32x4.add(a0, i32x4.dot_i16x8_s(w0, a))
        a1 = i32x4.add(a1, i32x4.dot_i16x8_s(w1, a))
        const e = v128.load32_splat(rb + p)
        b0 = i32x4.add(b0, i32x4.dot_i16x8_s(w0, e))
        b1 = i32x4.add(b1, i32x4.dot_i16x8_s(w1, e))
        const c = v128.load32_splat(rc + p)
        c0 = i32x4.add(c0, i32x4.dot_i16x8_s(w0, c))
        c1 = i32x4.add(c1, i32x4.dot_i16x8_s(w1, c))
        const d = v128.load32_splat(rd + p)
        d0 = i32x4.add(d0, i32x4.dot_i16x8_s(w0, d))
        d1 = i32x4.add(d1, i32x4.dot_i16x8_s(w1, d))
      }
      const s0 = i32x4.shl(v128.load_ext<u16>(weights), 16)
      const s1 = i32x4.shl(v128.load_ext<u16>(weights, 8), 16)
      const s = scales + (b << 2)
      addScaled8(outA, a0, a1, s0, s1, ra + s)
      addScaled8(outB, b0, b1, s0, s1, rb + s)
      addScaled8(outC, c0, c1, s0, s1, rc + s)
      addScaled8(outD, d0, d1, s0, s1, rd + s)
    }
  } else {
    tileQ8x1(weights, columns, ra, outA)
    tileQ8x1(weights, columns, rb, outB)
    tileQ8x1(weights, columns, rc, outC)
    tileQ8x1(weights, columns, rd, outD)
  }
}

/** out += dot * (weight scale * activation scale), for the 8 rows of a tile. */
export function addScaled8(out: usize, dot0: v128, dot1: v128, s0: v128, s1: v128, scale: usize): void {
  const s = v128.load32_splat(scale)
  addTo8(
    out,
    f32x4.mul(f32x4.convert_i32x4_s(dot0), f32x4.mul(s0, s)),
    f32x4.mul(f32x4.convert_i32x4_s(dot1), f32x4.mul(s1, s)),
  )
}
