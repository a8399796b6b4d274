/*
 * Backward pass of LayerNorm or RMSNorm, one item per token.
 *
 * With n = (x - mean) / sigma (RMSNorm: x / sigma), g = da * weight and means over the channels:
 *     dx += (g - mean(g) - n mean(g n)) / sigma          (RMSNorm: without mean(g))
 *
 * Arguments: NormBackwardArg (src/kernels/abi/training.ts). Padding of da must be finite, padding of the weight zero;
 * padding of dx does not change. Bit-identical in all tiers.
 */
import { NormKind } from '../src/kernels/abi/rows'
import { NormBackwardArg } from '../src/kernels/abi/training'
import { arg, argf } from './control'
import { dot } from './dot'

export function normBackward(chunk: u32): void {
  const from = chunk * arg(NormBackwardArg.chunkTokens)
  const to = min(from + arg(NormBackwardArg.chunkTokens), arg(NormBackwardArg.tokens))
  const stride = arg(NormBackwardArg.stride)
  for (let token = from; token < to; token++) {
    const row = token * stride
    backward(
      arg(NormBackwardArg.x) + row,
      arg(NormBackwardArg.gradient) + row,
      arg(NormBackwardArg.scratch) + row,
      arg(NormBackwardArg.output) + row,
    )
  }
}

/** Computes one token. `n` receives the normalised row; `g` first holds da. */
function backward(x: usize, g: usize, n: usize, dx: usize): void {
  const size: usize = arg(NormBackwardArg.columns)
  const count = <f32>size
  const isLayer = arg(NormBackwardArg.kind) == NormKind.layer
  // n first holds ones, so that sums are dot products with their fixed order.
  combine(n, n, n, size, 0, 0, 1)
  const mean: f32 = isLayer ? dot<f32>(x, n, size) / count : 0
  combine(n, x, x, size, 1, 0, -mean)
  const inverse = <f32>1.0 / sqrt<f32>(dot<f32>(n, n, size) / count + argf(NormBackwardArg.epsilon))
  multiply(g, g, arg(NormBackwardArg.weight), size)
  const along = (dot<f32>(g, n, size) / count) * inverse
  combine(n, n, n, size, inverse, 0, 0)
  // g becomes g - n along. The mean stays, because n has the mean 0.
  combine(g, g, n, size, 1, -along, 0)
  let level: f32 = 0
  if (isLayer) {
    combine(n, n, n, size, 0, 0, 1)
    level = dot<f32>(g, n, size) / count
  }
  combine(g, g, g, size, inverse, 0, -level * inverse)
  combine(dx, dx, g, size, 1, 1, 0)
}

/** out = a * p + b * q + c for `size` channels. Rows with the factor 0 are not read. */
function combine(out: usize, a: usize, b: usize, size: usize, p: f32, q: f32, c: f32): void {
  const bytes = size << 2
  let i: usize = 0
  if (ASC_FEATURE_SIMD) {
    const p4 = f32x4.splat(p)
    const q4 = f32x4.splat(q)
    const c4 = f32x4.splat(c)
    for (; i + 16 <= bytes; i += 16) {
      let value = c4
      if (p != 0) value = f32x4.add(f32x4.mul(v128.load(a + i), p4), value)
      if (q != 0) value = f32x4.add(f32x4.mul(v128.load(b + i), q4), value)
      v128.store(out + i, value)
    }
  }
  for (; i < bytes; i += 4) {
    let value = c
    if (p != 0) value = load<f32>(a + i) * p + value
    if (q != 0) value = load<f32>(b + i) * q + value
    store<f32>(out + i, value)
  }
}

/** out = a * b, element by element. */
function multiply(out: usize, a: usize, b: usize, size: usize): void {
  const bytes = size << 2
  let i: usize = 0
  if (ASC_FEATURE_SIMD)
    for (; i + 16 <= bytes; i += 16) v128.store(out + i, f32x4.mul(v128.load(a + i), v128.load(b + i)))
  for (; i < bytes; i += 4) store<f32>(out + i, load<f32>(a + i) * load<f32>(b + i))
}
