/*
 * Dot products and sums of rows of floats, for attention and LayerNorm.
 *
 * Order of additions: 16 interleaved partial sums over the first n & ~15 elements, added as a fixed tree, then the rest
 * one by one. The scalar form walks the same 16 chains. Bit-identical in all tiers; no alignment needed.
 */
import { fromBfloat16 } from './half'

/** Adds 16 partial sums in four vectors, in the order of `tree`. */
export function reduce(s0: v128, s1: v128, s2: v128, s3: v128): f32 {
  const s = f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3))
  return f32x4.extract_lane(s, 0) + f32x4.extract_lane(s, 1) + (f32x4.extract_lane(s, 2) + f32x4.extract_lane(s, 3))
}

/** One of the 16 chains: the products of elements lane, lane + 16, ... below n. */
function chain<T>(a: usize, b: usize, n: usize, lane: usize): f32 {
  let sum: f32 = 0
  for (let i = lane; i < n; i += 16) sum += load<f32>(a + (i << 2)) * element<T>(b, i)
  return sum
}

/** Chains lane, lane + 4, lane + 8, lane + 12, added pairwise. */
function column<T>(a: usize, b: usize, n: usize, lane: usize): f32 {
  return (
    chain<T>(a, b, n, lane) + chain<T>(a, b, n, lane + 4) + (chain<T>(a, b, n, lane + 8) + chain<T>(a, b, n, lane + 12))
  )
}

/** Dot product of a row of floats with a row of T. */
export function dot<T>(a: usize, b: usize, n: usize): f32 {
  const size: usize = sizeof<T>()
  const whole = n & ~15
  let sum: f32 = 0
  if (ASC_FEATURE_SIMD) {
    let s0 = f32x4.splat(0)
    let s1 = f32x4.splat(0)
    let s2 = f32x4.splat(0)
    let s3 = f32x4.splat(0)
    const end = a + (whole << 2)
    for (let p = a, q = b; p < end; p += 64, q += 16 * size) {
      s0 = f32x4.add(s0, f32x4.mul(v128.load(p), load4<T>(q)))
      s1 = f32x4.add(s1, f32x4.mul(v128.load(p, 16), load4<T>(q + 4 * size)))
      s2 = f32x4.add(s2, f32x4.mul(v128.load(p, 32), load4<T>(q + 8 * size)))
      s3 = f32x4.add(s3, f32x4.mul(v128.load(p, 48), load4<T>(q + 12 * size)))
    }
    sum = reduce(s0, s1, s2, s3)
  } else {
    sum =
      column<T>(a, b, whole, 0) + column<T>(a, b, whole, 1) + (column<T>(a, b, whole, 2) + column<T>(a, b, whole, 3))
  }
  return rest<T>(sum, a, b, whole, n)
}

/**
 * Dot products of a, a row of floats, with b and c, rows of T (f32, or u16 for bfloat16). Writes two floats to `to`.
 * Two streams from memory cost little more than one.
 */
export function dot2<T>(a: usize, b: usize, c: usize, n: usize, to: usize): void {
  const size: usize = sizeof<T>()
  if (ASC_FEATURE_SIMD) {
    const whole = n & ~15
    let s0 = f32x4.splat(0)
    let s1 = f32x4.splat(0)
    let s2 = f32x4.splat(0)
    let s3 = f32x4.splat(0)
    let t0 = f32x4.splat(0)
    let t1 = f32x4.splat(0)
    let t2 = f32x4.splat(0)
    let t3 = f32x4.splat(0)
    const end = a + (whole << 2)
    for (let p = a, q = b, r = c; p < end; p += 64, q += 16 * size, r += 16 * size) {
      const p0 = v128.load(p)
      const p1 = v128.load(p, 16)
      const p2 = v128.load(p, 32)
      const p3 = v128.load(p, 48)
      s0 = f32x4.add(s0, f32x4.mul(p0, load4<T>(q)))
      s1 = f32x4.add(s1, f32x4.mul(p1, load4<T>(q + 4 * size)))
      s2 = f32x4.add(s2, f32x4.mul(p2, load4<T>(q + 8 * size)))
      s3 = f32x4.add(s3, f32x4.mul(p3, load4<T>(q + 12 * size)))
      t0 = f32x4.add(t0, f32x4.mul(p0, load4<T>(r)))
      t1 = f32x4.add(t1, f32x4.mul(p1, load4<T>(r + 4 * size)))
      t2 = f32x4.add(t2, f32x4.mul(p2, load4<T>(r + 8 * size)))
      t3 = f32x4.add(t3, f32x4.mul(p3, load4<T>(r + 12 * size)))
    }
    store<f32>(to, rest<T>(reduce(s0, s1, s2, s3), a, b, whole, n))
    store<f32>(to, rest<T>(reduce(t0, t1, t2, t3), a, c, whole, n), 4)
  } else {
    store<f32>(to, dot<T>(a, b, n))
    store<f32>(to, dot<T>(a, c, n), 4)
  }
}

/** Four floats from a row of T. */
export function load4<T>(p: usize): v128 {
  return sizeof<T>() == 4 ? v128.load(p) : i32x4.shl(v128.load_ext<u16>(p), 16)
}

/** Element i of a row of T. */
export function element<T>(row: usize, i: usize): f32 {
  return sizeof<T>() == 4 ? load<f32>(row + (i << 2)) : fromBfloat16(load<u16>(row + (i << 1)))
}

/** Adds the products of elements [from, n) to a sum, one by one. */
function rest<T>(sum: f32, a: usize, b: usize, from: usize, n: usize): f32 {
  for (let i = from; i < n; i++) sum += load<f32>(a + (i << 2)) * element<T>(b, i)
  return sum
}
