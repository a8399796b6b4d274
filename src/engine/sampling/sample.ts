import type { Sampling } from '../../api/generation-options.js'
import { log } from '../../ground/elementary.js'
import { UserError } from '../../ground/errors.js'
import { type AllowedTokens, Candidates, isAllowed, weigh } from './candidates.js'
import { logprobOf, type TokenLogprob } from './logprobs.js'
import { seededRandom } from './random.js'
import { keepTopK, type Peaks } from './top-k.js'
import { keepTopP } from './top-p.js'

/** Summary of a row of logits: the id of the largest (the lowest among equals), and log(sum(e^logit)). */
export interface LogitSummary {
  argmax: number
  logSumExp: number
}

/** Known facts of a row of logits, and limits of the choice. */
export interface Known {
  summary?: LogitSummary
  /** They make top-k faster, and change nothing. */
  peaks?: Peaks
  /** Tokens that may be chosen; default: all. */
  allowed?: AllowedTokens
}

export interface Sampler {
  /**
   * Chooses the next token by its logits (one per id), which stay unchanged. The repeat penalty applies to
   * `previousIds`: pass the whole context, or its end for a shorter memory. The returned logprob is the model's own,
   * before constraints, penalty, filters and temperature. Pass a summary that is known already to save computing it.
   */
  sample(logits: Float32Array, previousIds: Iterable<number>, known?: Known): TokenLogprob
  /** Uses up the random number of a token that was no choice: later tokens are the same as if it had been one. */
  skip(): void
}

/**
 * A sampler with its own random numbers: the same seed and the same logits in the same order give the same tokens.
 *
 * The order is llama.cpp's: constraint, repeat penalty, top-k, top-p, min-p, temperature. The constraint comes first, so
 * that the filters see only tokens that it allows. With the temperature last, the filters judge the model's own
 * distribution: a high temperature varies the choice among plausible tokens and adds no implausible ones. (Hugging Face
 * applies the temperature before top-k.)
 */
export function createSampler({ temperature, topK, topP, minP, repeatPenalty, seed }: Sampling): Sampler {
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

  function choose(logits: Float32Array, { summary, allowed, peaks }: Known): number {
    if (temperature === 0) return (allowed ? undefined : summary?.argmax) ?? argmax(logits, allowed)
    if (candidates.ids.length !== logits.length) candidates = new Candidates(logits.length)
    // One pass over the logits finds the top k.
    if (topK > 0) keepTopK(logits, topK, candidates, { allowed, peaks })
    else candidates.fill(logits, allowed)
    keepTopP(candidates, topP)
    keepMinP(candidates, minP)
    return draw(candidates, weigh(candidates, temperature), random.nextFloat())
  }

  return {
    skip() {
      if (temperature !== 0) random.nextFloat()
    },
    sample(logits, previousIds, { summary, allowed, peaks } = {}) {
      const judged = penalise(logits, previousIds)
      const token = choose(judged, { allowed, ...(judged === logits && { summary, peaks }) })
      if (token < 0) {
        const of = allowed ? 'any token that the constraint allows' : 'any token'
        throw new UserError(
          `the model gave no usable score for ${of} (all are NaN or minus infinity); its weights may be damaged`,
        )
      }
      return { token, logprob: summary ? logits[token] - summary.logSumExp : logprobOf(logits, token) }
    },
  }
}

/** The allowed id with the largest logit, the lowest among equals; -1 if all are NaN or -Infinity. */
export function argmax(logits: Float32Array, allowed?: AllowedTokens): number {
  let best = -1
  let largest = -Infinity
  for (let id = 0; id < logits.length; id++) {
    // Few logits pass the first test.
    if (logits[id] > largest && (!allowed || isAllowed(allowed, id))) {
      largest = logits[id]
      best = id
    }
  }
  return best
}

/** The candidate at the point `uniform`, in [0, 1), of the total weight; -1 if there are no candidates. */
function draw(candidates: Candidates, total: number, uniform: number): number {
  const { ids, weights, count } = candidates
  let rest = uniform * total
  for (let at = 0; at < count; at++) {
    rest -= weights[at]
    if (rest < 0) return ids[at]
  }
  // Rounding can leave a bit of weight after the last candidate; it belongs to that one.
  return count > 0 ? ids[count - 1] : -1
}

/**
 * Keeps the tokens that are at least p (0 ... 1) times as probable as the most probable one: few if the model is sure,
 * many if it is not. The most probable token always stays; p = 0 keeps all.
 */
export function keepMinP(candidates: Candidates, p: number): void {
  if (p <= 0) return
  const { logits } = candidates
  const threshold = candidates.largestLogit() + log(p)
  candidates.keep((at) => logits[at] >= threshold)
}

/**
 * Applies CTRL's repetition penalty, as Hugging Face and llama.cpp do: divides the logit of each token in `ids` by the
 * penalty if it is positive, and multiplies it if it is negative. A token that occurs several times is penalised once.
 * A penalty above 1 makes repetition less likely, one below 1 more likely.
 *
 * `ids` is the window that counts. Hugging Face takes the whole context with the prompt, llama.cpp the last 64 tokens.
 * Ids outside the vocabulary are skipped.
 *
 * Reads `logits` and writes `penalised`, a copy of them, so that a second occurrence has no effect.
 */
export function penaliseRepeats(
  logits: Float32Array,
  penalised: Float32Array,
  ids: Iterable<number>,
  penalty: number,
): void {
  for (const id of ids) {
    if (id < logits.length) penalised[id] = logits[id] > 0 ? logits[id] / penalty : logits[id] * penalty
  }
}
