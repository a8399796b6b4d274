/*
 * Decays of states that forget row by row, from the products x that they follow, in place:
 *
 *   d = exp(bound * sigmoid(-rate * (x + bias)))       or without a bound,      d = exp(rate * softplus(x + bias))
 *
 * rate and bound are negative numbers, the former of a head. A chunk is a range of heads of all tokens.
 *
 * Arguments: DecaysArg (src/kernels/abi/states.ts). Bit-identical in all tiers.
 */
import { DecaysArg } from '../src/kernels/abi/states'
import { arg, argf } from './control'
import { exp, exp4, sigmoid, sigmoid4, softplus, softplus4 } from './math'

export function decays(chunk: u32): void {
  const heads = arg(DecaysArg.heads)
  const n: usize = arg(DecaysArg.keySize)
  const from = chunk * arg(DecaysArg.chunkHeads)
  const to = min(from + arg(DecaysArg.chunkHeads), heads * arg(DecaysArg.count))
  for (let index = from; index < to; index++) {
    const head: usize = index % heads
    const row: usize = arg(DecaysArg.rows) + (index / heads) * arg(DecaysArg.stride)
    const first = (head * n) << 2
    decayHead(row + first, arg(DecaysArg.biases) + first, load<f32>(arg(DecaysArg.rates) + (head << 2)), n)
  }
}

function decayHead(row: usize, bias: usize, rate: f32, n: usize): void {
  const bound = argf(DecaysArg.bound)
  const end = n << 2
  let i: usize = 0
  if (ASC_FEATURE_SIMD) {
    const r = f32x4.splat(rate)
    const b = f32x4.splat(bound)
    for (; i + 16 <= end; i += 16) {
      const x = f32x4.add(v128.load(row + i), v128.load(bias + i))
      const log = bound != 0 ? f32x4.mul(b, sigmoid4(f32x4.mul(f32x4.neg(r), x))) : f32x4.mul(r, softplus4(x))
      v128.store(row + i, exp4(log))
    }
  }
  for (; i < end; i += 4) {
    const x = load<f32>(row + i) + load<f32>(bias + i)
    store<f32>(row + i, exp(bound != 0 ? bound * sigmoid(-rate * x) : rate * softplus(x)))
  }
}
