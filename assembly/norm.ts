/*
 * Residual addition and LayerNorm or RMSNorm, one item per token.
 *
 *   x += scale * sum over r of gate[r] * y[r] + added      (the k experts' outputs, in the order of descending gates)
 *   x += scale * RMSNorm(sum over r of gate[r] * y[r])     (with a weight for the sum; a holds the sum meanwhile)
 *   x  = (x + b0) s0 + (scale * sum over r of gate[r] * y[r] + b1) s1      (with factors and biases; without rows y the
 *                                                                          first term alone)
 *   x *= factor
 *   a  = (x - mean) / sqrt(variance + epsilon) * weight + bias     (LayerNorm; biased variance; the bias may be absent)
 *   a  = x / sqrt(mean of squares + epsilon) * weight              (RMSNorm)
 *   a  = x                                                         (none)
 * and a's record if the next product reads quantised activations. Each step can be left out.
 *
 * Arguments: NormArg (src/kernels/abi/rows.ts). Padding of x is zero and stays so; padding of a is set to zero.
 * Bit-identical in all tiers.
 */
import { NormArg, NormKind } from '../src/kernels/abi/rows'
import { arg, argf } from './control'
import { dot } from './dot'
import { quantizeBlocks } from './quantize'
import { scaleRow } from './scale-row'

export function norm(chunk: u32): void {
  const from = chunk * arg(NormArg.chunkTokens)
  const to = min(from + arg(NormArg.chunkTokens), arg(NormArg.tokens))
  const padded: usize = arg(NormArg.stride)
  const records: usize = arg(NormArg.records)
  for (let token = from; token < to; token++) {
    const x = arg(NormArg.x) + token * (padded << 2)
    const a = arg(NormArg.output) + token * (padded << 2)
    if (arg(NormArg.scales) != 0) scaleStream(x, padded << 2)
    if (arg(NormArg.sumWeight) != 0) addNormalised(x, a, token, padded)
    else if (arg(NormArg.y) != 0) addRows(x, token, argf(NormArg.scale))
    if (arg(NormArg.added) != 0) addRow(x, arg(NormArg.added), 1, 0)
    if (argf(NormArg.factor) != 1) multiply(x, padded << 2, argf(NormArg.factor))
    if (arg(NormArg.kind) == NormKind.none) memory.copy(a, x, padded << 2)
    else if (arg(NormArg.weight) == 0) continue
    else if (arg(NormArg.kind) == NormKind.rms) rmsNorm(x, a, arg(NormArg.columns), padded, arg(NormArg.weight))
    else layerNorm(x, a, arg(NormArg.columns), padded, arg(NormArg.weight), arg(NormArg.bias))
    if (records != 0) quantizeBlocks(a, records + token * arg(NormArg.recordStride), padded, 0, padded >> 5)
  }
}

/** x += scale * RMSNorm(sum of gate * y); a is overwritten. */
function addNormalised(x: usize, a: usize, token: u32, padded: usize): void {
  fill(a, padded << 2, 0)
  addRows(a, token, 1)
  rmsNorm(a, a, arg(NormArg.columns), padded, arg(NormArg.sumWeight))
  addRow(x, a, argf(NormArg.scale), 0)
}

/** x = (x + b0) s0, plus b1 s1 if rows follow. The vectors are padded with zeros, so the padding of x stays zero. */
function scaleStream(x: usize, bytes: usize): void {
  const s: usize = arg(NormArg.scales)
  const b: usize = arg(NormArg.biases)
  const hasRows = arg(NormArg.y) != 0
  if (ASC_FEATURE_SIMD) {
    for (let i: usize = 0; i < bytes; i += 16) {
      const scaled = f32x4.mul(f32x4.add(v128.load(x + i), v128.load(b + i)), v128.load(s + i))
      const bias = f32x4.mul(v128.load(b + bytes + i), v128.load(s + bytes + i))
      v128.store(x + i, hasRows ? f32x4.add(scaled, bias) : scaled)
    }
  } else {
    for (let i: usize = 0; i < bytes; i += 4) {
      const scaled = (load<f32>(x + i) + load<f32>(b + i)) * load<f32>(s + i)
      store<f32>(x + i, hasRows ? scaled + load<f32>(b + bytes + i) * load<f32>(s + bytes + i) : scaled)
    }
  }
}

/** x += scale * gate * y for each of the token's k rows, times the factors of the rows. */
function addRows(x: usize, token: u32, scale: f32): void {
  const k = arg(NormArg.k)
  const gates: usize = arg(NormArg.gates)
  const factors: usize = arg(NormArg.scales) != 0 ? arg(NormArg.scales) + (arg(NormArg.stride) << 2) : 0
  for (let r: u32 = 0; r < k; r++) {
    const row = token * k + r
    const gate: f32 = gates != 0 ? load<f32>(gates + (row << 2)) : 1
    addRow(x, arg(NormArg.y) + row * arg(NormArg.yStride), gate * scale, factors)
  }
}

/** x += factor * y * factors; 0 instead of the address of the factors leaves them out. */
function addRow(x: usize, y: usize, factor: f32, factors: usize): void {
  const bytes = (<usize>((arg(NormArg.columns) + 3) & ~3)) << 2
  if (ASC_FEATURE_SIMD) {
    const g = f32x4.splat(factor)
    for (let i: usize = 0; i < bytes; i += 16) {
      const scaled = f32x4.mul(g, v128.load(y + i))
      const added = factors != 0 ? f32x4.mul(scaled, v128.load(factors + i)) : scaled
      v128.store(x + i, f32x4.add(v128.load(x + i), added))
    }
  } else {
    for (let i: usize = 0; i < bytes; i += 4) {
      const scaled = factor * load<f32>(y + i)
      store<f32>(x + i, load<f32>(x + i) + (factors != 0 ? scaled * load<f32>(factors + i) : scaled))
    }
  }
}

function multiply(x: usize, bytes: usize, factor: f32): void {
  if (ASC_FEATURE_SIMD) {
    const f = f32x4.splat(factor)
    for (let i: usize = 0; i < bytes; i += 16) v128.store(x + i, f32x4.mul(v128.load(x + i), f))
  } else {
    for (let i: usize = 0; i < bytes; i += 4) store<f32>(x + i, load<f32>(x + i) * factor)
  }
}

/** a = x / sqrt(mean of squares + epsilon) * weight; a may be x. */
function rmsNorm(x: usize, a: usize, n: usize, padded: usize, weight: usize): void {
  scaleRow(x, a, n, <f32>1.0 / sqrt<f32>(dot<f32>(x, x, n) / <f32>n + argf(NormArg.epsilon)), weight)
  fill(a + (n << 2), (padded - n) << 2, 0)
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
  const inverse = <f32>1.0 / sqrt<f32>(dot<f32>(a, a, n) / <f32>n + argf(NormArg.epsilon))
  // Weight and bias are padded with zeros, so the padding of a stays zero.
  if (ASC_FEATURE_SIMD) {
    const scale = f32x4.splat(inverse)
    for (let i: usize = 0; i < bytes; i += 16) {
      const y = f32x4.mul(f32x4.mul(v128.load(a + i), scale), v128.load(weight + i))
      v128.store(a + i, bias != 0 ? f32x4.add(y, v128.load(bias + i)) : y)
    }
  } else {
    for (let i: usize = 0; i < bytes; i += 4) {
      const y = load<f32>(a + i) * inverse * load<f32>(weight + i)
      store<f32>(a + i, bias != 0 ? y + load<f32>(bias + i) : y)
    }
  }
}

/** Sets `bytes` bytes of floats. */
function fill(p: usize, bytes: usize, value: f32): void {
  let i: usize = 0
  if (ASC_FEATURE_SIMD) for (; i + 16 <= bytes; i += 16) v128.store(p + i, f32x4.splat(value))
  for (; i < bytes; i += 4) store<f32>(p + i, value)
}
