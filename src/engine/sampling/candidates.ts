import { expBelow } from '../../ground/elementary.js'

/** Tokens that may be chosen, as bits: bit i % 32 of word i / 32 for token i. Guides of constrained texts make them. */
export type AllowedTokens = Int32Array

export function isAllowed(allowed: AllowedTokens, id: number): boolean {
  return ((allowed[id >> 5] >>> (id & 31)) & 1) === 1
}

/**
 * Tokens that may still be chosen, in parallel arrays. The first `count` places are in use, in any order. One object
 * serves all tokens of a text, so that choosing one allocates nothing.
 */
export class Candidates {
  count = 0
  readonly ids: Int32Array
  /** Logits by place (not by id). */
  readonly logits: Float32Array
  /** Weights by place, proportional to the probabilities; `weigh` sets them. */
  readonly weights: Float64Array

  constructor(vocabSize: number) {
    this.ids = new Int32Array(vocabSize)
    this.logits = new Float32Array(vocabSize)
    this.weights = new Float64Array(vocabSize)
  }

  /** Adds all tokens, or all allowed ones, but those with a logit of NaN or -Infinity, which cannot be chosen. */
  fill(logits: Float32Array, allowed?: AllowedTokens): void {
    const { ids, logits: kept } = this
    let count = 0
    for (let id = 0; id < logits.length; id++) {
      const logit = logits[id]
      if (logit > -Infinity && (!allowed || isAllowed(allowed, id))) {
        ids[count] = id
        kept[count] = logit
        count++
      }
    }
    this.count = count
  }

  /** Drops the candidates at whose places `isKept` is false. The others keep their order. */
  keep(isKept: (at: number) => boolean): void {
    const { ids, logits, weights } = this
    let kept = 0
    for (let at = 0; at < this.count; at++) {
      if (!isKept(at)) continue
      ids[kept] = ids[at]
      logits[kept] = logits[at]
      weights[kept] = weights[at]
      kept++
    }
    this.count = kept
  }

  /** The largest logit; -Infinity if there is no candidate. */
  largestLogit(): number {
    let largest = -Infinity
    for (let at = 0; at < this.count; at++) if (this.logits[at] > largest) largest = this.logits[at]
    return largest
  }

  /** Whether the candidate at place a ranks before the one at place b: larger logit first, then lower id. */
  ranksBefore(a: number, b: number): boolean {
    return this.logits[a] > this.logits[b] || (this.logits[a] === this.logits[b] && this.ids[a] < this.ids[b])
  }

  swap(a: number, b: number): void {
    const { ids, logits, weights } = this
    const id = ids[a]
    const logit = logits[a]
    const weight = weights[a]
    ids[a] = ids[b]
    logits[a] = logits[b]
    weights[a] = weights[b]
    ids[b] = id
    logits[b] = logit
    weights[b] = weight
  }
}

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
