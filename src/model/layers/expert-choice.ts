import { expBelow, sigmoid } from '../../ground/elementary.js'
import { type Mixture, routerRows } from '../config/config.js'
import { usedIn } from '../config/experts-per-token.js'
import type { Routing } from '../config/routing.js'

const NONE: readonly number[] = []

export interface LayerRouter {
  layer: number
  /** Experts to choose. Default: the mixture's number. */
  k?: number
  /** 1 for each expert that must not be chosen. */
  out?: Uint8Array
  /** Whether all but the experts to choose are out, so that no token skips them. */
  isRouted?: boolean
  /** Infinity for each expert that must be chosen: its logit is the largest already, but other scores may decide. */
  pushes?: Float64Array
  /** Indices of its selection bias, and of the experts' factors, among the floats. */
  selectionAt?: number
  scalesAt?: number
}

/** Chooses k experts of a token from its logits, by the mixture's rule. Equal experts are chosen by the lower id. */
export class ExpertChoice {
  /** Experts of the token, the first k entries, in falling order of their gates. */
  readonly ids: Int32Array
  readonly gates: Float64Array
  /** Whether the token skips its expert (see Routing). */
  isSkipping = false
  private readonly routing: Routing
  /** Scores of the experts and silent rows, times the whole that `score` returns. */
  private readonly scores: Float64Array
  /** Scores for the choice; -Infinity excludes an expert. */
  private readonly ranks: Float64Array
  private readonly groupScores: Float64Array
  private readonly isKept: Uint8Array
  /** Logits; -Infinity for experts that have their own softmax. */
  private readonly others: Float32Array

  constructor(
    private readonly mixture: Mixture,
    /** Rows of the largest router. */
    rows: number,
  ) {
    this.routing = mixture.routing ?? {}
    this.ids = new Int32Array(mixture.topK)
    this.gates = new Float64Array(mixture.topK)
    this.scores = new Float64Array(rows)
    this.ranks = new Float64Array(rows)
    this.groupScores = new Float64Array(this.routing.groups?.count ?? 0)
    this.isKept = new Uint8Array(this.groupScores.length)
    this.others = new Float32Array(rows)
  }

  /** Sets `ids` and `gates` for the logits that begin at `floats[at]`. Gates are NaN if a logit is. */
  choose(floats: Float32Array, at: number, router: LayerRouter): void {
    const { mixture, routing, ids, gates } = this
    const { layer, k = usedIn(mixture, layer), out, isRouted, pushes, selectionAt, scalesAt } = router
    const { normalise, factor = 1, always } = routing
    const experts = mixture.experts[layer]
    const total = this.score(floats, at, layer)
    const first = always ? this.takeAlways(floats, at, layer, total) : 0
    const ranks = this.rank(floats, at, layer, total, selectionAt)
    if (pushes && ranks !== this.scores)
      for (let e = 0; e < experts; e++) if (pushes[e] === Infinity) ranks[e] = Number.MAX_VALUE
    if (out) for (let e = 0; e < experts; e++) if (out[e]) ranks[e] = Number.NEGATIVE_INFINITY
    if (routing.groups) this.leaveGroups(ranks, experts, k - first)
    let sum = 0
    this.isSkipping = false
    for (let slot = first; slot < k; slot++) {
      let best = 0
      for (let e = 1; e < experts; e++) if (ranks[e] > ranks[best]) best = e
      ids[slot] = best
      gates[slot] = this.scores[best]
      if (routing.skips && !isRouted) this.considerSkipping(floats, layer, total, ranks[best], selectionAt)
      sum += gates[slot]
      ranks[best] = Number.NEGATIVE_INFINITY
    }
    const whole = normalise ? Math.max(sum + (normalise.add ?? 0) * total, (normalise.floor ?? 0) * total) : total
    for (let slot = first; slot < k; slot++) gates[slot] = gates[slot] / whole
    if (factor !== 1) for (let slot = 0; slot < k; slot++) gates[slot] *= factor
    if (scalesAt !== undefined) for (let slot = 0; slot < k; slot++) gates[slot] *= floats[scalesAt + ids[slot]]
    if (always || selectionAt !== undefined || scalesAt !== undefined) this.sort(k)
  }

  /** Gives the k chosen experts other gates; undefined leaves a gate as it is. */
  weigh(k: number, weightOf: (expert: number, slot: number) => number | undefined): void {
    const { ids, gates } = this
    for (let slot = 0; slot < k; slot++) gates[slot] = weightOf(ids[slot], slot) ?? gates[slot]
    this.sort(k)
  }

  /** Writes the scores of all experts, without the selection bias, to `into[from]` and the following entries. */
  allScores(floats: Float32Array, at: number, layer: number, into: Float32Array, from: number): void {
    const total = this.score(floats, at, layer)
    for (let e = 0; e < this.mixture.experts[layer]; e++) into[from + e] = this.scores[e] / total
    const count = this.routing.always ? this.takeAlways(floats, at, layer, total) : 0
    for (let slot = 0; slot < count; slot++) into[from + this.ids[slot]] = this.gates[slot]
  }

  /** Sets `scores` and returns their whole: a score divided by it is p. If a logit is NaN, all of these are 0. */
  private score(floats: Float32Array, at: number, layer: number): number {
    const rows = routerRows(this.mixture, layer)
    if (this.routing.score === 'sigmoid') return this.sigmoid(floats, at, rows)
    const always = this.routing.always?.[layer]
    if (!always?.isApart) return this.softmax(floats, at, rows)
    this.others.set(floats.subarray(at, at + rows))
    for (const id of always.ids) this.others[id] = Number.NEGATIVE_INFINITY
    return this.softmax(this.others, 0, rows)
  }

  private softmax(floats: Float32Array, at: number, rows: number): number {
    const { scores } = this
    let most = Number.NEGATIVE_INFINITY
    for (let e = 0; e < rows; e++) most = Math.max(most, floats[at + e])
    let sum = 0
    for (let e = 0; e < rows; e++) {
      scores[e] = expBelow(most - floats[at + e])
      sum += scores[e]
    }
    return sum
  }

  private sigmoid(floats: Float32Array, at: number, rows: number): number {
    const { scores } = this
    let isNumber = true
    for (let e = 0; e < rows; e++) {
      scores[e] = sigmoid(floats[at + e])
      isNumber &&= !Number.isNaN(scores[e])
    }
    if (isNumber) return 1
    scores.fill(0)
    return 0
  }

  /** Puts the experts that every token uses first. Returns their number. */
  private takeAlways(floats: Float32Array, at: number, layer: number, total: number): number {
    const { ids: always, isApart } = this.routing.always?.[layer] ?? { ids: NONE, isApart: false }
    let most = Number.NEGATIVE_INFINITY
    for (let slot = 0; slot < always.length; slot++) most = Math.max(most, floats[at + always[slot]])
    let sum = 0
    for (let slot = 0; slot < always.length; slot++) {
      const id = always[slot]
      this.ids[slot] = id
      this.gates[slot] = isApart ? expBelow(most - floats[at + id]) : this.scores[id]
      sum += this.gates[slot]
    }
    const whole = isApart ? sum : total
    for (let slot = 0; slot < always.length; slot++) this.gates[slot] /= whole
    return always.length
  }

  /** Returns the scores for the choice, which the caller may change. */
  private rank(floats: Float32Array, at: number, layer: number, total: number, selectionAt?: number): Float64Array {
    const { mixture, routing, scores } = this
    const isSigmoid = routing.score === 'sigmoid'
    // They have the order of the probabilities.
    let ranks = scores
    if (selectionAt !== undefined || (isSigmoid && total > 0)) {
      ranks = this.ranks
      for (let e = 0; e < mixture.experts[layer]; e++) {
        // Logits have the order of their sigmoids, and do not saturate.
        const rank = selectionAt === undefined ? floats[at + e] : scores[e] / total + floats[selectionAt + e]
        ranks[e] = Number.isNaN(rank) ? -Number.MAX_VALUE : Math.max(rank, -Number.MAX_VALUE)
      }
    }
    const always = routing.always?.[layer].ids ?? NONE
    for (let i = 0; i < always.length; i++) ranks[always[i]] = Number.NEGATIVE_INFINITY
    return ranks
  }

  /** Chooses the last silent row if it is better than the best expert. */
  private considerSkipping(floats: Float32Array, layer: number, total: number, best: number, selectionAt = 0): void {
    const last = routerRows(this.mixture, layer) - 1
    this.isSkipping = this.scores[last] / total + floats[selectionAt + last] > best
    if (this.isSkipping) this.gates[0] = this.scores[last]
  }

  /** Excludes all but the best groups. More stay if these do not have `wanted` experts that may be chosen. */
  private leaveGroups(ranks: Float64Array, experts: number, wanted: number): void {
    const { count, kept, by } = this.routing.groups ?? { count: 1, kept: 1, by: 'largest' }
    const { groupScores, isKept } = this
    const size = experts / count
    for (let group = 0; group < count; group++) groupScores[group] = groupScore(ranks, group * size, size, by)
    isKept.fill(0)
    let free = 0
    for (let turn = 0; turn < count && (turn < kept || free < wanted); turn++) {
      let best = isKept.indexOf(0)
      for (let g = best + 1; g < count; g++) if (!isKept[g] && groupScores[g] > groupScores[best]) best = g
      isKept[best] = 1
      for (let e = best * size; e < (best + 1) * size; e++) if (ranks[e] > Number.NEGATIVE_INFINITY) free++
    }
    for (let e = 0; e < experts; e++) if (!isKept[Math.floor(e / size)]) ranks[e] = Number.NEGATIVE_INFINITY
  }

  /** Sorts the first k by falling gates; experts with equal gates keep their order. */
  private sort(k: number): void {
    const { ids, gates } = this
    for (let i = 1; i < k; i++) {
      const [id, gate] = [ids[i], gates[i]]
      let slot = i
      for (; slot > 0 && gates[slot - 1] < gate; slot--) {
        ids[slot] = ids[slot - 1]
        gates[slot] = gates[slot - 1]
      }
      ids[slot] = id
      gates[slot] = gate
    }
  }
}

function groupScore(ranks: Float64Array, from: number, size: number, by: 'largest' | 'two-largest'): number {
  let [first, second] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (let e = from; e < from + size; e++) {
    second = Math.max(second, Math.min(first, ranks[e]))
    first = Math.max(first, ranks[e])
  }
  return by === 'largest' || second === Number.NEGATIVE_INFINITY ? first : first + second
}
