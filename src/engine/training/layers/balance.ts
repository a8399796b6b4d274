import { log, sigmoid, softplus } from '../../../ground/elementary.js'
/*
 * Routing losses: a term of the loss on the probabilities that routers give to experts. It is a mean over all tokens of
 * a step and over the trained mixtures; each micro-batch adds its share.
 */

/** Routing loss of a micro-batch. */
export interface BalanceTerm {
  kind: 'new-experts' | 'entropy'
  weight: number
  /** Tokens of the step times trained mixtures: the mean's denominator. */
  count: number
  /** 1 for each token that belongs to a retained sequence; absent if there is none. */
  retained?: Uint8Array
}

/** Entries of a router's probabilities: [0, from) are the layer's experts, [from, to) new experts, the rest silent. */
export interface RouterShape {
  from: number
  to: number
  topK: number
}

/**
 * Sums the loss of one mixture over the tokens, from its probabilities p [T, rows]. With `gradient`, adds the gradients
 * of weight / count times that sum to the gradients of the logits [T, rows].
 *
 * new-experts: log(1 + exp(-m)), for a retained token log(1 + exp(m)), with the margin m = log P - log q. P is the sum
 * of p over the new experts, q the k-th largest p of the others: m > 0 if new experts rank before the last expert that
 * would be chosen without them.
 *
 * entropy: T times the entropy of m, the mean of p over the tokens; its derivative by p is -(log m + 1).
 */
export function balanceLoss(
  term: BalanceTerm,
  p: Float64Array,
  tokens: number,
  shape: RouterShape,
  gradient?: Float64Array,
): number {
  const factor = term.weight / term.count
  return term.kind === 'new-experts'
    ? byNewExperts(p, tokens, shape, factor, term.retained, gradient)
    : byEntropy(p, tokens, factor, gradient)
}

function byNewExperts(
  p: Float64Array,
  tokens: number,
  { from, to, topK }: RouterShape,
  factor: number,
  retained?: Uint8Array,
  gradient?: Float64Array,
): number {
  if (from === to) return 0
  const rows = p.length / tokens
  const others = new Float64Array(from)
  let sum = 0
  for (let t = 0; t < tokens; t++) {
    const at = t * rows
    const sign = retained?.[t] === 1 ? 1 : -1
    let share = 0
    for (let e = from; e < to; e++) share += p[at + e]
    share = Math.max(share, LEAST)
    const rival = kthLargest(p, at, others, topK)
    const margin = sign * (log(share) - log(Math.max(p[at + rival], LEAST)))
    sum += softplus(margin)
    if (!gradient) continue
    const slope = sign * factor * sigmoid(margin)
    for (let e = from; e < to; e++) gradient[at + e] += (slope * p[at + e]) / share
    gradient[at + rival] -= slope
  }
  return sum
}

/** Smallest share whose inverse is finite. */
const LEAST = Number.MIN_VALUE * 2 ** 60

/** Index of the k-th largest of the first entries of a row of p, the lower among equals. `room` is scratch space. */
function kthLargest(p: Float64Array, at: number, room: Float64Array, k: number): number {
  for (let e = 0; e < room.length; e++) room[e] = p[at + e]
  let best = 0
  for (let slot = 0; slot < Math.min(k, room.length); slot++) {
    if (slot > 0) room[best] = -1
    best = 0
    for (let e = 1; e < room.length; e++) if (room[e] > room[best]) best = e
  }
  return best
}

function byEntropy(p: Float64Array, tokens: number, factor: number, gradient?: Float64Array): number {
  const rows = p.length / tokens
  let sum = 0
  const slopes = new Float64Array(rows)
  for (let e = 0; e < rows; e++) {
    let mean = 0
    for (let t = 0; t < tokens; t++) mean += p[t * rows + e]
    mean = Math.max(mean / tokens, Number.MIN_VALUE)
    sum -= tokens * mean * log(mean)
    slopes[e] = -(log(mean) + 1)
  }
  for (let t = 0; gradient && t < tokens; t++) {
    const at = t * rows
    let along = 0
    for (let e = 0; e < rows; e++) along += p[at + e] * slopes[e]
    for (let e = 0; e < rows; e++) gradient[at + e] += factor * p[at + e] * (slopes[e] - along)
  }
  return sum
}
