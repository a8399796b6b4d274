/*
 * Dot products and sums of rows of floats, for attention and LayerNorm.
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
  return rest(sum, a, b, whole, n)
}

/** Dot products of a with b and with c, to two floats at `to`: two streams from memory cost little more than one. */
export function dot2(a: usize, b: usize, c: usize, n: usize, to: usize): void {
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
    for (let p = a, q = b, r = c; p < end; p += 64, q += 64, r += 64) {
      const p0 = v128.load(p)
      const p1 = v128.load(p, 16)
      const p2 = v128.load(p, 32)
      const p3 = v128.load(p, 48)
      s0 = f32x4.add(s0, f32x4.mul(p0, v128.load(q)))
      s1 = f32x4.add(s1, f32x4.mul(p1, v128.load(q, 16)))
      s2 = f32x4.add(s2, f32x4.mul(p2, v128.load(q, 32)))
      s3 = f32x4.add(s3, f32x4.mul(p3, v128.load(q, 48)))
      t0 = f32x4.add(t0, f32x4.mul(p0, v128.load(r)))
      t1 = f32x4.add(t1, f32x4.mul(p1, v128.load(r, 16)))
      t2 = f32x4.add(t2, f32x4.mul(p2, v128.load(r, 32)))
      t3 = f32x4.add(t3, f32x4.mul(p3, v128.load(r, 48)))
    }
    store<f32>(to, rest(reduce(s0, s1, s2, s3), a, b, whole, n))
    store<f32>(to, rest(reduce(t0, t1, t2, t3), a, c, whole, n), 4)
  } else {
    store<f32>(to, dot(a, b, n))
    store<f32>(to, dot(a, c, n), 4)
  }
}

/** The sum so far plus the products of elements [from, n), one by one. */
function rest(sum: f32, a: usize, b: usize, from: usize, n: usize): f32 {
  for (let i = from; i < n; i++) sum += load<f32>(a + (i << 2)) * load<f32>(b + (i << 2))
  return sum
}
