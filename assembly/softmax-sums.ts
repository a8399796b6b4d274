/*
 * Sums of softmax attention over some keys: the largest score m, the sum of e^(score - m), and the sum of e^(score - m)
 * times the keys' values. Two sums over different keys can be combined. In memory: the two floats, 8 bytes of padding,
 * and the floats of the values, padded to a multiple of 4. The sum over no keys has m = -infinity, and zeros.
 *
 * Bit-identical in all tiers.
 */
import { exp, exp8 } from './math'

/** Bytes before the values. */
export const HEAD: usize = 16

/** Sets a sum to the sum over no keys. */
export function clear(sum: usize, bytes: usize): void {
  zero(sum, bytes)
  store<f32>(sum, -Infinity)
}

/** Sets `bytes` bytes, a multiple of 16, to 0. */
export function zero(p: usize, bytes: usize): void {
  const end = p + bytes
  if (ASC_FEATURE_SIMD) for (; p < end; p += 16) v128.store(p, f32x4.splat(0))
  else for (; p < end; p += 8) store<u64>(p, 0)
}

/**
 * Turns the products at [from, to) into e^(scale * product - largest), and in [start, from) and [to, end) into 0.
 * The largest and the sum are stored in `sum`, which stays clear if there are none. Start and end are multiples of 8.
 * The sum has 8 interleaved partial sums, added as a fixed tree. `constants` are for exp8.
 */
export function weigh(
  scores: usize,
  start: i32,
  from: i32,
  to: i32,
  end: i32,
  scale: f32,
  sum: usize,
  constants: usize,
): void {
  const low = scores + (start << 2)
  const high = scores + (end << 2)
  let most = multiply(low, high, scale)
  if (start < from || to < end) {
    for (let i = start; i < min(from, end); i++) store<f32>(scores + (i << 2), -Infinity)
    for (let i = max(to, start); i < end; i++) store<f32>(scores + (i << 2), -Infinity)
    most = multiply(low, high, 1)
  }
  if (most == -Infinity) return zero(low, high - low)
  store<f32>(sum, most)
  if (ASC_FEATURE_SIMD) {
    const m = f32x4.splat(most)
    for (let p = low; p < high; p += 32) {
      exp8(f32x4.sub(v128.load(p), m), f32x4.sub(v128.load(p, 16), m), p, constants)
    }
    // In a separate loop: V8 does not fuse the exponentials if something else uses one half.
    let s0 = f32x4.splat(0)
    let s1 = f32x4.splat(0)
    for (let p = low; p < high; p += 32) {
      s0 = f32x4.add(s0, v128.load(p))
      s1 = f32x4.add(s1, v128.load(p, 16))
    }
    const total = f32x4.add(s0, s1)
    store<f32>(
      sum,
      f32x4.extract_lane(total, 0) +
        f32x4.extract_lane(total, 1) +
        (f32x4.extract_lane(total, 2) + f32x4.extract_lane(total, 3)),
      4,
    )
  } else {
    for (let p = low; p < high; p += 4) store<f32>(p, exp(load<f32>(p) - most))
    store<f32>(sum, column(low, high) + column(low + 4, high) + (column(low + 8, high) + column(low + 12, high)), 4)
  }
}

/** Multiplies scores with a factor; returns the largest product. */
function multiply(low: usize, high: usize, factor: f32): f32 {
  let most: f32 = -Infinity
  if (ASC_FEATURE_SIMD) {
    const f = f32x4.splat(factor)
    let m = f32x4.splat(most)
    let n = m
    for (let p = low; p < high; p += 32) {
      const x = f32x4.mul(v128.load(p), f)
      const y = f32x4.mul(v128.load(p, 16), f)
      v128.store(p, x)
      v128.store(p, y, 16)
      m = f32x4.pmax(m, x)
      n = f32x4.pmax(n, y)
    }
    m = f32x4.pmax(m, n)
    m = f32x4.pmax(m, v128.shuffle<i32>(m, m, 2, 3, 0, 1))
    m = f32x4.pmax(m, v128.shuffle<i32>(m, m, 1, 0, 3, 2))
    most = f32x4.extract_lane(m, 0)
  } else {
    for (let p = low; p < high; p += 4) {
      const x = load<f32>(p) * factor
      store<f32>(p, x)
      most = most < x ? x : most
    }
  }
  return most
}

/** Adds two partial sums of every eighth number: from `from` on, and from the fourth number after it. */
function column(from: usize, end: usize): f32 {
  return chain(from, end) + chain(from + 16, end)
}

function chain(from: usize, end: usize): f32 {
  let sum: f32 = 0
  for (let p = from; p < end; p += 32) sum += load<f32>(p)
  return sum
}

/** Adds the sum of a later span to an earlier one, after relating both to the larger of their largest scores. */
export function add(sum: usize, more: usize, bytes: usize): void {
  const a = load<f32>(sum)
  const b = load<f32>(more)
  if (b == -Infinity) return
  const most = max<f32>(a, b)
  const keep = exp(a - most)
  const take = exp(b - most)
  store<f32>(sum, most)
  store<f32>(sum, load<f32>(sum, 4) * keep + load<f32>(more, 4) * take, 4)
  let i = HEAD
  if (ASC_FEATURE_SIMD) {
    const k = f32x4.splat(keep)
    const t = f32x4.splat(take)
    for (; i < bytes; i += 16) {
      v128.store(sum + i, f32x4.add(f32x4.mul(v128.load(sum + i), k), f32x4.mul(v128.load(more + i), t)))
    }
  }
  for (; i < bytes; i += 4) store<f32>(sum + i, load<f32>(sum + i) * keep + load<f32>(more + i) * take)
}
