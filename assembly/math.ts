/*
 * exp, sigmoid, softplus and erfc in single precision, alone and four at a time.
 *
 * Exactness: the four-lane forms perform the same IEEE operations in the same order as the scalar ones, so lanes and
 * scalars agree bit for bit. No fused multiply-add anywhere.
 * Accuracy: exp within 2 ulp on [-87, 88]; below it is flushed to 0 (at -87.3), above it saturates near 2^127.
 */

const LOG2E: f32 = 1.44269504
/** ln 2 in two parts: the first has few enough bits that n * LN2_HIGH is exact for |n| < 256. */
const LN2_HIGH: f32 = 0.693359375
const LN2_LOW: f32 = -2.1219444e-4
const EXP_MIN: f32 = -87.3
const EXP_MAX: f32 = 88.0
/**
 * Added to a float of magnitude below 2^22, it leaves the nearest integer (ties to even) in the low bits of the sum.
 */
const ROUND: f32 = 12582912.0

/** e^x = 2^n * e^r with n the nearest integer to x / ln 2 and |r| <= ln 2 / 2; e^r by a polynomial of degree 7. */
export function exp(x: f32): f32 {
  if (x < EXP_MIN) return 0
  const clamped = min<f32>(x, EXP_MAX)
  const t = clamped * LOG2E + ROUND
  const n = t - ROUND
  const r = clamped - n * LN2_HIGH - n * LN2_LOW
  let p: f32 = 1.984127e-4
  p = p * r + <f32>1.3888889e-3
  p = p * r + <f32>8.3333338e-3
  p = p * r + <f32>4.1666668e-2
  p = p * r + <f32>1.6666667e-1
  p = p * r + <f32>0.5
  p = p * r + <f32>1.0
  p = p * r + <f32>1.0
  return p * reinterpret<f32>((reinterpret<i32>(t) + 127) << 23)
}

export function exp4(x: v128): v128 {
  // pmin is one instruction, min is six; like the scalar form, it propagates NaN.
  const clamped = f32x4.pmin(x, f32x4.splat(EXP_MAX))
  const t = f32x4.add(f32x4.mul(clamped, f32x4.splat(LOG2E)), f32x4.splat(ROUND))
  const n = f32x4.sub(t, f32x4.splat(ROUND))
  const r = f32x4.sub(f32x4.sub(clamped, f32x4.mul(n, f32x4.splat(LN2_HIGH))), f32x4.mul(n, f32x4.splat(LN2_LOW)))
  let p = f32x4.splat(1.984127e-4)
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.3888889e-3))
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(8.3333338e-3))
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(4.1666668e-2))
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.6666667e-1))
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(0.5))
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.0))
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.0))
  const power = i32x4.shl(i32x4.add(t, i32x4.splat(127)), 23)
  return v128.andnot(f32x4.mul(p, power), f32x4.lt(x, f32x4.splat(EXP_MIN)))
}

/** Bytes of the constants of exp8. */
export const EXP_CONSTANTS: usize = 56

/** Stores the constants of exp8. */
export function storeExpConstants(to: usize): void {
  store<f32>(to, EXP_MIN)
  store<f32>(to, EXP_MAX, 4)
  store<f32>(to, LOG2E, 8)
  store<f32>(to, ROUND, 12)
  store<f32>(to, LN2_HIGH, 16)
  store<f32>(to, LN2_LOW, 20)
  store<f32>(to, 1.984127e-4, 24)
  store<f32>(to, 1.3888889e-3, 28)
  store<f32>(to, 8.3333338e-3, 32)
  store<f32>(to, 4.1666668e-2, 36)
  store<f32>(to, 1.6666667e-1, 40)
  store<f32>(to, 0.5, 44)
  store<f32>(to, 1.0, 48)
  store<u32>(to, 127, 52)
}

/**
 * exp4 of eight numbers, x0 and x1, stored at `to`. The constants come from memory, at `at`: V8 makes a constant vector of
 * three instructions, again at each use, which takes longer than the arithmetic. Both halves are side by side, so that V8
 * can fuse them.
 */
export function exp8(x0: v128, x1: v128, to: usize, at: usize): void {
  const most = v128.load32_splat(at, 4)
  const c0 = f32x4.pmin(x0, most)
  const c1 = f32x4.pmin(x1, most)
  const log2e = v128.load32_splat(at, 8)
  const round = v128.load32_splat(at, 12)
  const t0 = f32x4.add(f32x4.mul(c0, log2e), round)
  const t1 = f32x4.add(f32x4.mul(c1, log2e), round)
  const n0 = f32x4.sub(t0, round)
  const n1 = f32x4.sub(t1, round)
  const high = v128.load32_splat(at, 16)
  const h0 = f32x4.sub(c0, f32x4.mul(n0, high))
  const h1 = f32x4.sub(c1, f32x4.mul(n1, high))
  const low = v128.load32_splat(at, 20)
  const r0 = f32x4.sub(h0, f32x4.mul(n0, low))
  const r1 = f32x4.sub(h1, f32x4.mul(n1, low))
  let k = v128.load32_splat(at, 24)
  let p0 = k
  let p1 = k
  k = v128.load32_splat(at, 28)
  p0 = f32x4.add(f32x4.mul(p0, r0), k)
  p1 = f32x4.add(f32x4.mul(p1, r1), k)
  k = v128.load32_splat(at, 32)
  p0 = f32x4.add(f32x4.mul(p0, r0), k)
  p1 = f32x4.add(f32x4.mul(p1, r1), k)
  k = v128.load32_splat(at, 36)
  p0 = f32x4.add(f32x4.mul(p0, r0), k)
  p1 = f32x4.add(f32x4.mul(p1, r1), k)
  k = v128.load32_splat(at, 40)
  p0 = f32x4.add(f32x4.mul(p0, r0), k)
  p1 = f32x4.add(f32x4.mul(p1, r1), k)
  k = v128.load32_splat(at, 44)
  p0 = f32x4.add(f32x4.mul(p0, r0), k)
  p1 = f32x4.add(f32x4.mul(p1, r1), k)
  k = v128.load32_splat(at, 48)
  p0 = f32x4.add(f32x4.mul(p0, r0), k)
  p1 = f32x4.add(f32x4.mul(p1, r1), k)
  p0 = f32x4.add(f32x4.mul(p0, r0), k)
  p1 = f32x4.add(f32x4.mul(p1, r1), k)
  const bias = v128.load32_splat(at, 52)
  p0 = f32x4.mul(p0, i32x4.shl(i32x4.add(t0, bias), 23))
  p1 = f32x4.mul(p1, i32x4.shl(i32x4.add(t1, bias), 23))
  const least = v128.load32_splat(at)
  v128.store(to, v128.andnot(p0, f32x4.lt(x0, least)))
  v128.store(to, v128.andnot(p1, f32x4.lt(x1, least)), 16)
}

/**
 * Nearest integers, ties to even, of floats of magnitude below 2^22. Takes two instructions; WebAssembly's own take
 * ten.
 */
export function nearest4(x: v128): v128 {
  return i32x4.sub(f32x4.add(x, f32x4.splat(ROUND)), i32x4.splat(reinterpret<i32>(ROUND)))
}

/** 1 / (1 + e^-x), computed from e^-|x| so that it neither overflows nor cancels. */
export function sigmoid(x: f32): f32 {
  const e = exp(-abs<f32>(x))
  const r = <f32>1.0 / (<f32>1.0 + e)
  return x < 0 ? e * r : r
}

export function sigmoid4(x: v128): v128 {
  const e = exp4(f32x4.neg(f32x4.abs(x)))
  const r = sigmoidOfSize4(e)
  return v128.bitselect(f32x4.mul(e, r), r, f32x4.lt(x, f32x4.splat(0.0)))
}

/** sigmoid(|x|) from e = e^-|x|; sigmoid(-|x|) is e times that. */
export function sigmoidOfSize4(e: v128): v128 {
  const one = f32x4.splat(1.0)
  return f32x4.div(one, f32x4.add(one, e))
}

/**
 * log(1 + e^x) = max(x, 0) + log(1 + e) with e = e^-|x|; the logarithm is 2 artanh(e / (2 + e)), a series of degree 13,
 * whose rest is below 2e-8 of it.
 */
export function softplus(x: f32): f32 {
  const e = exp(-abs<f32>(x))
  const s = e / (<f32>2.0 + e)
  const z = s * s
  let p: f32 = 0.15384616
  p = p * z + <f32>0.18181819
  p = p * z + <f32>0.22222222
  p = p * z + <f32>0.2857143
  p = p * z + <f32>0.4
  p = p * z + <f32>0.6666667
  p = p * z + <f32>2.0
  return max<f32>(x, 0) + s * p
}

export function softplus4(x: v128): v128 {
  const e = exp4(f32x4.neg(f32x4.abs(x)))
  const s = f32x4.div(e, f32x4.add(f32x4.splat(2.0), e))
  const z = f32x4.mul(s, s)
  let p = f32x4.splat(0.15384616)
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(0.18181819))
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(0.22222222))
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(0.2857143))
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(0.4))
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(0.6666667))
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(2.0))
  return f32x4.add(f32x4.max(x, f32x4.splat(0.0)), f32x4.mul(s, p))
}

/**
 * Complementary error function: t * e^(-z^2 + P(t)), t = 1 / (1 + |z|/2), relative error below 1.2e-7 in exact
 * arithmetic (Chebyshev fit, Numerical Recipes in C, 2nd ed., 6.2); erfc(-z) = 2 - erfc(z).
 */
export function erfc(z: f32): f32 {
  const a = abs<f32>(z)
  const t = <f32>1.0 / (<f32>1.0 + <f32>0.5 * a)
  let p: f32 = 0.17087277
  p = p * t + <f32>-0.82215223
  p = p * t + <f32>1.48851587
  p = p * t + <f32>-1.13520398
  p = p * t + <f32>0.27886807
  p = p * t + <f32>-0.18628806
  p = p * t + <f32>0.09678418
  p = p * t + <f32>0.37409196
  p = p * t + <f32>1.00002368
  p = p * t + <f32>-1.26551223
  const r = t * exp(p - a * a)
  return z < 0 ? <f32>2.0 - r : r
}

export function erfc4(z: v128): v128 {
  const one = f32x4.splat(1.0)
  const a = f32x4.abs(z)
  const t = f32x4.div(one, f32x4.add(one, f32x4.mul(f32x4.splat(0.5), a)))
  let p = f32x4.splat(0.17087277)
  p = f32x4.add(f32x4.mul(p, t), f32x4.splat(-0.82215223))
  p = f32x4.add(f32x4.mul(p, t), f32x4.splat(1.48851587))
  p = f32x4.add(f32x4.mul(p, t), f32x4.splat(-1.13520398))
  p = f32x4.add(f32x4.mul(p, t), f32x4.splat(0.27886807))
  p = f32x4.add(f32x4.mul(p, t), f32x4.splat(-0.18628806))
  p = f32x4.add(f32x4.mul(p, t), f32x4.splat(0.09678418))
  p = f32x4.add(f32x4.mul(p, t), f32x4.splat(0.37409196))
  p = f32x4.add(f32x4.mul(p, t), f32x4.splat(1.00002368))
  p = f32x4.add(f32x4.mul(p, t), f32x4.splat(-1.26551223))
  const r = f32x4.mul(t, exp4(f32x4.sub(p, f32x4.mul(a, a))))
  return v128.bitselect(f32x4.sub(f32x4.splat(2.0), r), r, f32x4.lt(z, f32x4.splat(0.0)))
}
