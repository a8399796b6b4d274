import { UserError } from '../errors.js'
import { type Sampling, settle } from '../generation-options.js'
import { Candidates } from './candidates.js'
import { logprobOf, type TokenLogprob } from './logprobs.js'
import { keepMinP } from './min-p.js'
import { randomSeed, seededRandom } from './random.js'
import { penaliseRepeats } from './repeat-penalty.js'
import { weigh } from './temperature.js'
import { keepTopK } from './top-k.js'
import { keepTopP } from './top-p.js'

/** What a row of logits comes down to: the id of the largest (the lowest among equals), and log(sum(e^logit)). */
export interface LogitSummary {
  argmax: number
  logSumExp: number
}

export interface Sampler {
  /** The seed in use: the one asked for, or the one drawn where none was. */
  readonly seed: number
  /**
   * Chooses the next token from `logits` (vocab_size, left as they are). `previousIds` are the ids that the repeat
   * penalty falls on: give it the whole context, or the end of it for a shorter memory. The logprob returned is the one
   * the model itself gives the token, before penalty, truncation and temperature. What is already `known` about the
   * logits is not computed again.
   */
  sample(logits: Float32Array, previousIds: Iterable<number>, known?: LogitSummary): TokenLogprob
}

/**
 * A sampler with a random stream of its own: the same seed and the same logits in the same order give the same tokens.
 * Options left out take their defaults and a random seed; throws a UsageError for one outside its range.
 *
 * The order is llama.cpp's: repeat penalty, top-k, top-p, min-p, temperature. The temperature comes last so that the
 * truncations judge the distribution the model meant: a high temperature then stirs among the tokens that were
 * plausible to begin with, and does not let in those that were not. (Hugging Face applies it before top-k.)
 */
export function createSampler(options: Partial<Sampling> = {}): Sampler {
  const { temperature, topK, topP, minP, repeatPenalty, seed } = settle(options, { seed: randomSeed() })
  const random = seededRandom(seed)
  let candidates = new Candidates(0)
  let scratch = new Float32Array(0)

  function penalise(logits: Float32Array, previousIds: Iterable<number>): Float32Array {
    if (repeatPenalty === 1) return logits
    if (scratch.length !== logits.length) scratch = new Float32Array(logits.length)
    scratch.set(logits)
    penaliseRepeats(logits, scratch, previousIds, repeatPenalty)
    return scratch
  }

  function choose(logits: Float32Array, known?: LogitSummary): number {
    if (temperature === 0) return known?.argmax ?? argmax(logits)
    if (candidates.ids.length !== logits.length) candidates = new Candidates(logits.length)
    if (topK > 0) keepTopK(logits, topK, candidates)
    else candidates.fill(logits)
    keepTopP(candidates, topP)
    keepMinP(candidates, minP)
    return draw(candidates, weigh(candidates, temperature), random.nextFloat())
  }

  return {
    seed,
    sample(logits, previousIds, known) {
      const judged = penalise(logits, previousIds)
      const token = choose(judged, judged === logits ? known : undefined)
      if (token < 0) {
        throw new UserError(
          'the model gave no usable score for any token (all are NaN or minus infinity); its weights may be damaged',
        )
      }
      return { token, logprob: known ? logits[token] - known.logSumExp : logprobOf(logits, token) }
    },
  }
}

/** The id of the largest logit, the lowest where several are equal; NaN never wins. -1 where none can be chosen. */
export function argmax(logits: Float32Array): number {
  let best = -1
  let largest = -Infinity
  for (let id = 0; id < logits.length; id++) {
    if (logits[id] > largest) {
      largest = logits[id]
      best = id
    }
  }
  return best
}

/** The candidate on which the point `uniform`, in [0, 1), of the total weight falls; -1 where there is none. */
function draw(candidates: Candidates, total: number, uniform: number): number {
  const { ids, weights, count } = candidates
  let rest = uniform * total
  for (let at = 0; at < count; at++) {
    rest -= weights[at]
    if (rest < 0) return ids[at]
  }
  // Rounding can leave a sliver beyond the last candidate; it belongs to that one.
  return count > 0 ? ids[count - 1] : -1
}
