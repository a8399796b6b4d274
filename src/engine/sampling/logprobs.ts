import { expBelow, log } from '../../ground/elementary.js'
import { Candidates } from './candidates.js'
import { keepTopK } from './top-k.js'

export interface TokenLogprob {
  token: number
  /** Natural logarithm of the token's probability. */
  logprob: number
}

/**
 * log(sum(exp(logits))), summed in double precision. Skips NaN logits. The result is -Infinity if there are no others,
 * and Infinity if one is infinite.
 *
 * It takes one pass: the sum is relative to the largest logit so far, and is rescaled when that grows, which is seldom.
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
  return largest + log(sum)
}

/** The log-probability of one token under the model: its log-softmax over the whole vocabulary. */
export function logprobOf(logits: Float32Array, id: number): number {
  return logits[id] - logSumExp(logits)
}

/**
 * The n most probable tokens, or fewer if the vocabulary is smaller, most probable first and lower ids first among
 * equals. Skips NaN logits. Pass the normalizer, logSumExp(logits), that the chosen token's log-probability used, so
 * that no token has two. If a logit is infinite, its token's log-probability is NaN, and all others are -Infinity.
 */
export function topLogprobs(logits: Float32Array, n: number, normalizer = logSumExp(logits)): TokenLogprob[] {
  const candidates = new Candidates(Math.min(n, logits.length))
  keepTopK(logits, n, candidates)
  return Array.from({ length: candidates.count }, (_, at) => at)
    .sort((a, b) => (candidates.ranksBefore(a, b) ? -1 : 1))
    .map((at) => ({ token: candidates.ids[at], logprob: candidates.logits[at] - normalizer }))
}
