/*
 * AdamW over plain arrays of floats (Loshchilov and Hutter 2019), and the sums of squares that clipping needs.
 *
 *   g = gradient * scale      m += (1 - beta1) (g - m)      v += (1 - beta2) (g^2 - v)
 *   w = w * keep - rate * m / (sqrt(v * secondScale) + epsilon)
 *
 * Chunks have the same size for any number of threads, and the host adds up their sums in order. If gradient and
 * moments are zero, as in the padding of tiles, a weight of zero stays zero.
 * Arguments: AdamWArg (src/kernels/abi/training.ts). Bit-identical in all tiers.
 */
import { AdamWArg, AdamWPhase } from '../src/kernels/abi/training'
import { arg, argf } from './control'

export function adamw(chunk: u32): void {
  const from: usize = chunk * arg(AdamWArg.chunkCount)
  const to = min(from + arg(AdamWArg.chunkCount), <usize>arg(AdamWArg.count))
  if (arg(AdamWArg.phase) == AdamWPhase.squares) {
    store<f64>(arg(AdamWArg.sums) + ((<usize>chunk) << 3), squares(arg(AdamWArg.gradients), from << 2, to << 2))
  } else {
    update(from << 2, to << 2)
  }
}

/** Sum of squares, in four chains. */
function squares(gradients: usize, from: usize, to: usize): f64 {
  if (ASC_FEATURE_SIMD) {
    let low = f64x2.splat(0)
    let high = f64x2.splat(0)
    for (let i = from; i < to; i += 16) {
      const g = v128.load(gradients + i)
      const g0 = f64x2.promote_low_f32x4(g)
      const g1 = f64x2.promote_low_f32x4(v128.shuffle<i64>(g, g, 1, 0))
      low = f64x2.add(low, f64x2.mul(g0, g0))
      high = f64x2.add(high, f64x2.mul(g1, g1))
    }
    return (
      f64x2.extract_lane(low, 0) +
      f64x2.extract_lane(low, 1) +
      (f64x2.extract_lane(high, 0) + f64x2.extract_lane(high, 1))
    )
  } else {
    return (
      chain(gradients, from, to) +
      chain(gradients + 4, from, to) +
      (chain(gradients + 8, from, to) + chain(gradients + 12, from, to))
    )
  }
}

function chain(gradients: usize, from: usize, to: usize): f64 {
  let sum: f64 = 0
  for (let i = from; i < to; i += 16) {
    const g = <f64>load<f32>(gradients + i)
    sum += g * g
  }
  return sum
}

function update(from: usize, to: usize): void {
  const weights: usize = arg(AdamWArg.weights)
  const gradients: usize = arg(AdamWArg.gradients)
  const firsts: usize = arg(AdamWArg.firstMoments)
  const seconds: usize = arg(AdamWArg.secondMoments)
  const scale = argf(AdamWArg.gradientScale)
  const share1 = <f32>1.0 - argf(AdamWArg.beta1)
  const share2 = <f32>1.0 - argf(AdamWArg.beta2)
  const rate = argf(AdamWArg.rate)
  const secondScale = argf(AdamWArg.secondScale)
  const epsilon = argf(AdamWArg.epsilon)
  const keep = argf(AdamWArg.keep)
  if (ASC_FEATURE_SIMD) {
    for (let i = from; i < to; i += 16) {
      const g = f32x4.mul(v128.load(gradients + i), f32x4.splat(scale))
      let m = v128.load(firsts + i)
      let v = v128.load(seconds + i)
      m = f32x4.add(m, f32x4.mul(f32x4.splat(share1), f32x4.sub(g, m)))
      v = f32x4.add(v, f32x4.mul(f32x4.splat(share2), f32x4.sub(f32x4.mul(g, g), v)))
      v128.store(firsts + i, m)
      v128.store(seconds + i, v)
      const size = f32x4.add(f32x4.sqrt(f32x4.mul(v, f32x4.splat(secondScale))), f32x4.splat(epsilon))
      const step = f32x4.div(f32x4.mul(f32x4.splat(rate), m), size)
      v128.store(weights + i, f32x4.sub(f32x4.mul(v128.load(weights + i), f32x4.splat(keep)), step))
    }
  } else {
    for (let i = from; i < to; i += 4) {
      const g = load<f32>(gradients + i) * scale
      let m = load<f32>(firsts + i)
      let v = load<f32>(seconds + i)
      m += share1 * (g - m)
      v += share2 * (g * g - v)
      store<f32>(firsts + i, m)
      store<f32>(seconds + i, v)
      const size = sqrt<f32>(v * secondScale) + epsilon
      store<f32>(weights + i, load<f32>(weights + i) * keep - (rate * m) / size)
    }
  }
}
