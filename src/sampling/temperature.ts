import { expBelow } from '../exp.js'
import type { Candidates } from './candidates.js'

/**
 * Sets the candidates' weights to exp((logit - largest logit) / temperature), temperature > 0, and returns their sum;
 * a candidate's probability is its weight divided by that. Of infinite logits each weighs 1 and the others nothing.
 */
export function weigh(candidates: Candidates, temperature: number): number {
  const { logits, weights, count } = candidates
  const largest = candidates.largestLogit()
  const sharpness = 1 / temperature
  let total = 0
  for (let at = 0; at < count; at++) {
    // The comparison spares infinite logits the subtraction, which would make NaN of them.
    const logit = logits[at]
    const weight = logit === largest ? 1 : expBelow((largest - logit) * sharpness)
    weights[at] = weight
    total += weight
  }
  return total
}
