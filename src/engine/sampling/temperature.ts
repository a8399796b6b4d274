import { expBelow } from '../../ground/exp.js'
import type { Candidates } from './candidates.js'

/**
 * Sets the candidates' weights to exp((logit - largest logit) / temperature), temperature > 0, and returns their sum. A
 * candidate's probability is its weight divided by the sum. If some logits are infinite, each of them weighs 1 and all
 * others 0.
 */
export function weigh(candidates: Candidates, temperature: number): number {
  const { logits, weights, count } = candidates
  const largest = candidates.largestLogit()
  const sharpness = 1 / temperature
  let total = 0
  for (let at = 0; at < count; at++) {
    // Infinite logits must not be subtracted: that would give NaN.
    const logit = logits[at]
    const weight = logit === largest ? 1 : expBelow((largest - logit) * sharpness)
    weights[at] = weight
    total += weight
  }
  return total
}
