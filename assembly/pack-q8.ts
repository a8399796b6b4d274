/*
 * One 8-bit tile (tile-q8.ts) from 32 columns of 8 floats. scale = largest magnitude / 127, rounded to bfloat16; the
 * levels are computed for the rounded scale. Bit-identical in all tiers.
 */
import { fromBfloat16, toBfloat16 } from './half'

export function inverseOf(scale: f32): f32 {
  return scale == 0 ? <f32>0.0 : <f32>1.0 / scale
}

export function level8(x: f32, inverse: f32): i8 {
  const rounded = nearest<f32>(x * inverse)
  const bounded = rounded < -127 ? <f32>-127 : rounded
  return <i8>(<f32>127 < bounded ? <f32>127 : bounded)
}

export function packQ8(tile: usize, columns: usize): void {
  if (ASC_FEATURE_SIMD) {
    const inverse0 = scales4(tile, columns)
    const inverse1 = scales4(tile + 8, columns + 16)
    for (let pair: usize = 0; pair < 16; pair++) {
      const a = columns + (firstColumn(pair) << 5)
      const low = pair4(v128.load(a), v128.load(a, 64), inverse0)
      const high = pair4(v128.load(a, 16), v128.load(a, 80), inverse1)
      v128.store(tile + (pair << 4), i16x8.narrow_i32x4_u(low, high), 16)
    }
  } else {
    for (let r: usize = 0; r < 8; r++) {
      let most: f32 = 0
      for (let c: usize = 0; c < 32; c++) most = max<f32>(most, abs<f32>(load<f32>(columns + (c << 5) + (r << 2))))
      const bits = toBfloat16(most / <f32>127.0)
      const inverse = inverseOf(fromBfloat16(bits))
      store<u16>(tile + (r << 1), bits)
      for (let pair: usize = 0; pair < 16; pair++) {
        const x = columns + (firstColumn(pair) << 5) + (r << 2)
        store<i8>(tile + (pair << 4) + (r << 1), level8(load<f32>(x), inverse), 16)
        store<i8>(tile + (pair << 4) + (r << 1), level8(load<f32>(x, 64), inverse), 17)
      }
    }
  }
}

/** First column of a pair; the second is two further: (0,2) (4,6) (1,3) (5,7) in each group of 8. */
function firstColumn(pair: usize): usize {
  return ((pair >> 2) << 3) + ((pair & 1) << 2) + ((pair >> 1) & 1)
}

/** Writes the scales of four rows; returns their inverses. */
function scales4(target: usize, columns: usize): v128 {
  let most = f32x4.splat(0)
  for (let c: usize = 0; c < 1024; c += 32) most = f32x4.max(most, f32x4.abs(v128.load(columns + c)))
  return storeScales4(target, f32x4.div(most, f32x4.splat(127)))
}

/** Rounds four scales to bfloat16 and stores them. Returns the inverses of the rounded scales, 0 for 0. */
export function storeScales4(target: usize, scales: v128): v128 {
  const odd = v128.and(i32x4.shr_u(scales, 16), i32x4.splat(1))
  const bits = i32x4.shr_u(i32x4.add(i32x4.add(scales, i32x4.splat(0x7fff)), odd), 16)
  v128.store64_lane(target, i16x8.narrow_i32x4_u(bits, bits), 0)
  const rounded = i32x4.shl(bits, 16)
  const isZero = f32x4.eq(rounded, f32x4.splat(0))
  return v128.andnot(f32x4.div(f32x4.splat(1), rounded), isZero)
}

/** Levels of two columns for four rows, in the lowest and second byte of each lane. */
function pair4(a: v128, b: v128, inverse: v128): v128 {
  const low = v128.and(levels8(a, inverse), i32x4.splat(255))
  return v128.or(low, i32x4.shl(v128.and(levels8(b, inverse), i32x4.splat(255)), 8))
}

/** level8 of four floats. */
export function levels8(x: v128, inverse: v128): v128 {
  const rounded = f32x4.nearest(f32x4.mul(x, inverse))
  return i32x4.trunc_sat_f32x4_s(f32x4.pmin(f32x4.pmax(rounded, f32x4.splat(-127)), f32x4.splat(127)))
}
