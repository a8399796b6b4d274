/*
 * Dot product and sums of two rows of floats, for attention and LayerNorm.
 *
 * Order of additions: 16 interleaved partial sums over the first n & ~15 elements, added as a fixed tree, then the rest
 * one by one. The scalar form walks the same 16 chains. Bit-identical in all tiers; no alignment needed.
 */

/** Adds 16 partial sums, held as four vectors, in the order that `tree` states. */
function reduce(s0: v128, s1: v128, s2: v128, s3: v128): f32 {
  const s = f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3))
  return f32x4.extract_lane(s, 0) + f32x4.extract_lane(s, 1) + (f32x4.extract_lane(s, 2) + f32x4.extract_lane(s, 3))
}

/** One of the 16 chains: the products of elements lane, lane + 16, ... below n. */
function chain(a: usize, b: usize, n: usize, lane: usize): f32 {
  let sum: f32 = 0
  for (let i = lane; i < n; i += 16) sum += load<f32>(a + (i << 2)) * load<f32>(b + (i << 2))
  return sum
}

/** Chains lane, lane + 4, lane + 8, lane + 12, added pairwise. */
function column(a: usize, b: usize, n: usize, lane: usize): f32 {
  return chain(a, b, n, lane) + chain(a, b, n, lane + 4) + (chain(a, b, n, lane + 8) + chain(a, b, n, lane + 12))
}

export function dot(a: usize, b: usize, n: usize): f32 {
  const whole = n & ~15
  let sum: f32 = 0
  if (ASC_FEATURE_SIMD) {
    let s0 = f32x4.splat(0)
    let s1 = f32x4.splat(0)
    let s2 = f32x4.splat(0)
    let s3 = f32x4.splat(0)
    const end = a + (whole << 2)
    for (let p = a, q = b; p < end; p += 64, q += 64) {
      s0 = f32x4.add(s0, f32x4.mul(v128.load(p), v128.load(q)))
      s1 = f32x4.add(s1, f32x4.mul(v128.load(p, 16), v128.load(q, 16)))
      s2 = f32x4.add(s2, f32x4.mul(v128.load(p, 32), v128.load(q, 32)))
      s3 = f32x4.add(s3, f32x4.mul(v128.load(p, 48), v128.load(q, 48)))
    }
    sum = reduce(s0, s1, s2, s3)
  } else {
    sum = column(a, b, whole, 0) + column(a, b, whole, 1) + (column(a, b, whole, 2) + column(a, b, whole, 3))
  }
  for (let i = whole; i < n; i++) sum += load<f32>(a + (i << 2)) * load<f32>(b + (i << 2))
  return sum
}
