/*
 * Cross-entropy of rows of logits: log(sum of e^z) - z[target]. On request its gradient replaces the logits:
 *     weight * (softmax(z) - onehot(target))
 *
 * A chunk is a row. The host computes the logarithm, because it needs a table here. Sums come from summary.ts.
 * Arguments: CrossEntropyArg, results: CrossEntropyField (src/kernels/abi/training.ts). With the gradient, the padding
 * of a row up to a multiple of 8 becomes zero. Bit-identical in all tiers.
 */
import { CROSS_ENTROPY_BYTES, CrossEntropyArg, CrossEntropyField } from '../src/kernels/abi/training'
import { arg } from './control'
import { exp, exp4 } from './math'
import { largest, sumOfBlock } from './summary'

const BLOCK: usize = 1024

export function crossEntropy(index: u32): void {
  const row: usize = arg(CrossEntropyArg.logits) + index * arg(CrossEntropyArg.stride)
  const bytes: usize = arg(CrossEntropyArg.count) << 2
  const end = row + bytes
  const target = row + (load<u32>(arg(CrossEntropyArg.targets) + (index << 2)) << 2)
  const result: usize = arg(CrossEntropyArg.results) + index * CROSS_ENTROPY_BYTES
  const most = largest(row, end)
  let sum: f64 = 0
  for (let p = row; p < end; p += BLOCK) sum += <f64>sumOfBlock(p, min(p + BLOCK, end), most)
  store<f64>(result, sum, CrossEntropyField.sum)
  store<f32>(result, most, CrossEntropyField.largest)
  store<f32>(result, load<f32>(target), CrossEntropyField.target)
  if (arg(CrossEntropyArg.weights) == 0) return
  const weight = load<f32>(arg(CrossEntropyArg.weights) + (index << 2))
  exponentials(row, bytes, most, weight / <f32>sum)
  store<f32>(target, load<f32>(target) - weight)
  for (let p = end; p < row + ((bytes + 31) & ~31); p += 4) store<f32>(p, 0)
}

/** Replaces each logit z by factor * e^(z - most). */
function exponentials(row: usize, bytes: usize, most: f32, factor: f32): void {
  let i: usize = 0
  if (ASC_FEATURE_SIMD) {
    const m = f32x4.splat(most)
    const f = f32x4.splat(factor)
    for (; i + 16 <= bytes; i += 16) v128.store(row + i, f32x4.mul(f, exp4(f32x4.sub(v128.load(row + i), m))))
  }
  for (; i < bytes; i += 4) store<f32>(row + i, factor * exp(load<f32>(row + i) - most))
}
