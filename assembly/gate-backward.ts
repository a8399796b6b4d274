/*
 * Backward pass of the gates and the activation of a mixture, one item per token and chosen expert.
 *
 * Forward, an item adds p * W2 h with h = act(z) to the residual stream. From u = W2^T dx and z, this computes in place
 *     gradient of the gate p = u . h        u becomes dz = p u act'(z)        z becomes p h
 * so that dx (p h)^T is the item's share of the gradient of W2, and dz is the gradient for W1. Without an activation, z
 * is the output of an attention expert's heads, and dz its gradient.
 *
 * Arguments: GateBackwardArg (src/kernels/abi/training.ts). Padding of u must be finite, padding of z zero.
 * Bit-identical in all tiers: the dot product has four chains.
 */
import { GateBackwardArg } from '../src/kernels/abi/training'
import { apply, apply4 } from './activation'
import { slope, slope4 } from './activation-slope'
import { arg } from './control'

export function gateBackward(chunk: u32): void {
  const from = chunk * arg(GateBackwardArg.chunkItems)
  const to = min(from + arg(GateBackwardArg.chunkItems), arg(GateBackwardArg.items))
  const stride = arg(GateBackwardArg.stride)
  const gates: usize = arg(GateBackwardArg.gates)
  const gradients: usize = arg(GateBackwardArg.gateGradients)
  const bytes: usize = arg(GateBackwardArg.columns) << 2
  const kind = arg(GateBackwardArg.activation)
  for (let item = from; item < to; item++) {
    const z: usize = arg(GateBackwardArg.z) + item * stride
    const u: usize = arg(GateBackwardArg.u) + item * stride
    const gate: f32 = gates != 0 ? load<f32>(gates + (item << 2)) : 1
    const gradient = backward(kind, z, u, bytes, gate)
    if (gradients != 0) store<f32>(gradients + (item << 2), gradient)
  }
}

/** Computes one item; returns u . h. */
function backward(kind: i32, z: usize, u: usize, bytes: usize, gate: f32): f32 {
  if (ASC_FEATURE_SIMD) {
    const p = f32x4.splat(gate)
    let sum = f32x4.splat(0)
    for (let i: usize = 0; i < bytes; i += 16) {
      const x = v128.load(z + i)
      const d = v128.load(u + i)
      const h = apply4(kind, x)
      sum = f32x4.add(sum, f32x4.mul(d, h))
      v128.store(z + i, f32x4.mul(p, h))
      v128.store(u + i, f32x4.mul(f32x4.mul(p, d), slope4(kind, x)))
    }
    return (
      f32x4.extract_lane(sum, 0) +
      f32x4.extract_lane(sum, 1) +
      (f32x4.extract_lane(sum, 2) + f32x4.extract_lane(sum, 3))
    )
  } else {
    // Four columns, each with its own sum; the sums are added as above.
    const sum0 = column(kind, z, u, bytes, gate)
    const sum1 = column(kind, z + 4, u + 4, bytes, gate)
    const sum2 = column(kind, z + 8, u + 8, bytes, gate)
    const sum3 = column(kind, z + 12, u + 12, bytes, gate)
    return sum0 + sum1 + (sum2 + sum3)
  }
}

function column(kind: i32, z: usize, u: usize, bytes: usize, gate: f32): f32 {
  let sum: f32 = 0
  for (let i: usize = 0; i < bytes; i += 16) {
    const x = load<f32>(z + i)
    const d = load<f32>(u + i)
    const h = apply(kind, x)
    sum += d * h
    store<f32>(z + i, gate * h)
    store<f32>(u + i, gate * d * slope(kind, x))
  }
  return sum
}
