/*
 * Rows of floats as integers with one scale: value = scale * level. The scale is the largest magnitude divided by the
 * largest level; levels are rounded to the nearest, ties to even. A row whose largest magnitude is below LEAST counts as
 * zeros: the inverse of its scale would be infinite.
 *
 * The levels of a row are padded with zeros to a multiple of 4. Bit-identical in all tiers; rows need no alignment.
 */
import { nearest4 } from './math'

const LEAST: f32 = 1e-36

/** Writes `n` floats as levels of 8 bits, at most 127. Returns their scale. */
export function levels8(x: usize, n: usize, to: usize): f32 {
  const most = largest(x, n)
  if (!(most > LEAST)) {
    for (let i: usize = 0; i < n; i += 4) store<u32>(to + i, 0)
    return 0
  }
  const inverse = <f32>127.0 / most
  let i: usize = 0
  if (ASC_FEATURE_SIMD) {
    const s = f32x4.splat(inverse)
    for (; i + 8 <= n; i += 8) {
      const low = nearest4(f32x4.mul(v128.load(x + (i << 2)), s))
      const high = nearest4(f32x4.mul(v128.load(x + (i << 2), 16), s))
      const both = i16x8.narrow_i32x4_s(low, high)
      v128.store64_lane(to + i, i8x16.narrow_i16x8_s(both, both), 0)
    }
  }
  for (; i < n; i++) store<i8>(to + i, <i8>nearest<f32>(load<f32>(x + (i << 2)) * inverse))
  for (; (i & 3) != 0; i++) store<i8>(to + i, 0)
  return most / <f32>127.0
}

/** Largest level of a row of 16 bits. */
export const MOST_LEVEL: f32 = 32767

/**
 * Largest level of `n` numbers whose products with levels of 8 bits are summed: no such sum exceeds 31 bits. Up to 512
 * numbers it is MOST_LEVEL.
 */
export function mostLevel(n: u32): f32 {
  const share: u32 = 0xffffff / n
  return min<f32>(MOST_LEVEL, <f32>share)
}

/**
 * Writes `n` floats as levels of 16 bits, at most `top`. Returns their scale. The levels may begin within the floats, at
 * or before the first.
 */
export function levels16(x: usize, n: usize, to: usize, top: f32): f32 {
  const most = largest(x, n)
  if (!(most > LEAST)) {
    for (let i: usize = 0; i < n; i += 4) store<u64>(to + (i << 1), 0)
    return 0
  }
  const inverse = top / most
  let i: usize = 0
  if (ASC_FEATURE_SIMD) {
    const s = f32x4.splat(inverse)
    for (; i + 8 <= n; i += 8) {
      const low = nearest4(f32x4.mul(v128.load(x + (i << 2)), s))
      const high = nearest4(f32x4.mul(v128.load(x + (i << 2), 16), s))
      v128.store(to + (i << 1), i16x8.narrow_i32x4_s(low, high))
    }
  }
  for (; i < n; i++) store<i16>(to + (i << 1), <i16>nearest<f32>(load<f32>(x + (i << 2)) * inverse))
  for (; (i & 3) != 0; i++) store<i16>(to + (i << 1), 0)
  return most / top
}

/** Largest magnitude of `n` floats. */
function largest(x: usize, n: usize): f32 {
  let most: f32 = 0
  let i: usize = 0
  if (ASC_FEATURE_SIMD) {
    let m = f32x4.splat(0)
    for (; i + 4 <= n; i += 4) m = f32x4.pmax(m, f32x4.abs(v128.load(x + (i << 2))))
    m = f32x4.pmax(m, v128.shuffle<i32>(m, m, 2, 3, 0, 1))
    m = f32x4.pmax(m, v128.shuffle<i32>(m, m, 1, 0, 3, 2))
    most = f32x4.extract_lane(m, 0)
  }
  for (; i < n; i++) {
    const size = abs<f32>(load<f32>(x + (i << 2)))
    most = most < size ? size : most
  }
  return most
}
