/*
 * Residual addition and LayerNorm, one item a token.
 *
 *   x += sum over r of gate[r] * y[r]      (the k experts' outputs, in the order of falling gates)
 *   a  = (x - mean) / sqrt(variance + 1e-5) * weight + bias     (biased variance)
 * and a's record where the next product reads quantised activations. Each part can be left out.
 *
 * Arguments: 0 x, rows of floats   1 floats between rows (n rounded up to 32)   2 n   3 tokens   4 tokens per chunk
 *   5 y, k rows a token, or 0   6 bytes between rows of y   7 gates, k a token   8 k
 *   9 weight, or 0 for the addition alone   10 bias   11 a, rows as x   12 records of a, or 0   13 bytes between them
 * Padding of x is zero and stays so; that of a is set to zero. Bit-identical in all tiers.
 */
import { arg } from './control'
import { dot } from './dot'
import { quantizeBlocks } from './quantize'

const EPSILON: f32 = 1e-5

export function norm(chunk: u32): void {
  const from = chunk * arg(4)
  const to = min(from + arg(4), arg(3))
  const padded: usize = arg(1)
  for (let token = from; token < to; token++) {
    const x = arg(0) + token * (padded << 2)
    if (arg(5) != 0) addExperts(x, token)
    if (arg(9) == 0) continue
    const a = arg(11) + token * (padded << 2)
    layerNorm(x, a, arg(2), padded, arg(9), arg(10))
    if (arg(12) != 0) quantizeBlocks(a, arg(12) + token * arg(13), padded, 0, padded >> 5)
  }
}

/** x += gate * y for each of the token's k experts. */
function addExperts(x: usize, token: u32): void {
  const k = arg(8)
  const bytes = (<usize>((arg(2) + 3) & ~3)) << 2
  for (let r: u32 = 0; r < k; r++) {
    const row = token * k + r
    const y: usize = arg(5) + row * arg(6)
    const gate = load<f32>(arg(7) + (row << 2))
    if (ASC_FEATURE_SIMD) {
      const g = f32x4.splat(gate)
      for (let i: usize = 0; i < bytes; i += 16) {
        v128.store(x + i, f32x4.add(v128.load(x + i), f32x4.mul(g, v128.load(y + i))))
      }
    } else {
      for (let i: usize = 0; i < bytes; i += 4) store<f32>(x + i, load<f32>(x + i) + gate * load<f32>(y + i))
    }
  }
}

function layerNorm(x: usize, a: usize, n: usize, padded: usize, weight: usize, bias: usize): void {
  // a first holds ones, then x - mean, so that both sums are dot products with their fixed order.
  const bytes = n << 2
  fill(a, bytes, 1)
  const mean = dot<f32>(x, a, n) / <f32>n
  let i: usize = 0
  if (ASC_FEATURE_SIMD) {
    for (; i + 16 <= bytes; i += 16) v128.store(a + i, f32x4.sub(v128.load(x + i), f32x4.splat(mean)))
  }
  for (; i < bytes; i += 4) store<f32>(a + i, load<f32>(x + i) - mean)
  fill(a + bytes, (padded << 2) - bytes, 0)
  const inverse = <f32>1.0 / sqrt<f32>(dot<f32>(a, a, n) / <f32>n + EPSILON)
  // Weight and bias are padded with zeros, so the padding of a stays zero.
  if (ASC_FEATURE_SIMD) {
    const scale = f32x4.splat(inverse)
    for (let i: usize = 0; i < bytes; i += 16) {
      const y = f32x4.mul(f32x4.mul(v128.load(a + i), scale), v128.load(weight + i))
      v128.store(a + i, f32x4.add(y, v128.load(bias + i)))
    }
  } else {
    for (let i: usize = 0; i < bytes; i += 4) {
      store<f32>(a + i, load<f32>(a + i) * inverse * load<f32>(weight + i) + load<f32>(bias + i))
    }
  }
}

/** Sets `bytes` bytes of floats. */
function fill(p: usize, bytes: usize, value: f32): void {
  let i: usize = 0
  if (ASC_FEATURE_SIMD) for (; i + 16 <= bytes; i += 16) v128.store(p + i, f32x4.splat(value))
  for (; i < bytes; i += 4) store<f32>(p + i, value)
}
