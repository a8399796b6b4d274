import { logSumExp } from '../../engine/sampling/logprobs.js'
import type { ModelConfig } from '../../model/config/config.js'

/**
 * Kullback-Leibler divergence, in nats, of the distribution of `logits` from the one of `reference`: 0 when they agree.
 * `norm` and `referenceNorm` are the logSumExp of the two.
 */
export function divergence(
  reference: Float32Array,
  logits: Float32Array,
  norm = logSumExp(logits),
  referenceNorm = logSumExp(reference),
): number {
  let sum = 0
  for (let i = 0; i < logits.length; i++) {
    const logP = reference[i] - referenceNorm
    sum += Math.exp(logP) * (logP - (logits[i] - norm))
  }
  return sum
}

/** Sum of the smaller of two probabilities of each token: 1 if the distribution of `logits` is `reference`. */
export function overlap(reference: Float32Array, logits: Float32Array): number {
  const norm = logSumExp(logits)
  let sum = 0
  for (let i = 0; i < logits.length; i++) sum += Math.min(reference[i], Math.exp(logits[i] - norm))
  return sum
}

export function indexOfLargest(values: ArrayLike<number>): number {
  let best = 0
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i
  return best
}

/**
 * Turns a classifier's scores into probabilities of its labels, as transformers' pipeline does: a softmax, or a sigmoid
 * of each score if labels do not exclude each other (problem_type "multi_label_classification", or a single label).
 */
export function classProbabilities(logits: ArrayLike<number>, config: Pick<ModelConfig, 'raw'>): number[] {
  const scores = Array.from(logits)
  if (scores.length === 1 || config.raw.problem_type === 'multi_label_classification') {
    return scores.map((score) => 1 / (1 + Math.exp(-score)))
  }
  const most = Math.max(...scores)
  const powers = scores.map((score) => Math.exp(score - most))
  const sum = powers.reduce((total, power) => total + power, 0)
  return powers.map((power) => power / sum)
}
