import { expBelow } from '../exp.js'
import { Candidates } from './candidates.js'
import { keepTopK } from './top-k.js'

export interface TokenLogprob {
  token: number
  /** Natural logarithm of the token's probability. */
  logprob: number
}

/**
 * log(sum(exp(logits))), summed in double precision. NaN logits are passed over; the result is -Infinity where there is
 * no other, Infinity where one is infinite.
 *
 * One pass: the sum is kept relative to the largest logit so far, and rescaled in the few places where that grows.
 */
export function logSumExp(logits: Float32Array): number {
  let largest = -Infinity
  let sum = 0
  for (let id = 0; id < logits.length; id++) {
    const logit = logits[id]
    if (logit > largest) {
      sum = sum * expBelow(logit - largest) + 1
      largest = logit
    } else {
      sum += expBelow(largest - logit)
    }
  }
  return largest + Math.log(sum)
}

/** The log-probability of one token under the model: its log-softmax over the whole vocabulary. */
export function logprobOf(logits: Float32Array, id: number): number {
  return logits[id] - logSumExp(logits)
}

/**
 * The n most probable tokens (fewer where the vocabulary has fewer), falling, lower ids first among equals; none whose
 * logit is NaN. The normalizer is logSumExp(logits); give the one that the chosen token was judged by, so that no token
 * has two log-probabilities. Where a logit is infinite, its token has no log-probability (NaN), and the others have
 * -Infinity.
 */
export function topLogprobs(logits: Float32Array, n: number, normalizer = logSumExp(logits)): TokenLogprob[] {
  const candidates = new Candidates(Math.min(n, logits.length))
  keepTopK(logits, n, candidates)
  return Array.from({ length: candidates.count }, (_, at) => at)
    .sort((a, b) => (candidates.ranksBefore(a, b) ? -1 : 1))
    .map((at) => ({ token: candidates.ids[at], logprob: candidates.logits[at] - normalizer }))
}
