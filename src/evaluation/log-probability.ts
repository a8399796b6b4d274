import { logSumExp } from '../sampling/logprobs.js'

/**
 * Kullback-Leibler divergence, in nats, of the distribution of `logits` from that of `reference`: 0 when they agree.
 * `norm` is the logSumExp of `logits`.
 */
export function divergence(reference: Float32Array, logits: Float32Array, norm = logSumExp(logits)): number {
  const referenceNorm = logSumExp(reference)
  let sum = 0
  for (let i = 0; i < logits.length; i++) {
    const logP = reference[i] - referenceNorm
    sum += Math.exp(logP) * (logP - (logits[i] - norm))
  }
  return sum
}

/** Index of the largest entry, the first of equal ones. */
export function indexOfLargest(values: ArrayLike<number>): number {
  let best = 0
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i
  return best
}
