import type { ModelConfig } from '../model/config.js'

/**
 * Probabilities of a classifier's labels from its scores, as transformers' pipeline has them: a softmax, or for labels
 * that do not exclude each other (problem_type "multi_label_classification", or a single label) a sigmoid of each.
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
