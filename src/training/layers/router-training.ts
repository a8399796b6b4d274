import { expBelow } from '../../exp.js'
import { type Mixture, routerRows } from '../../model/config.js'
import { type RouterShape, steer } from './steering.js'
import type { TrainedLogits } from './trained-logits.js'
import type { TrainedSet } from './trained-set.js'
import type { TrainingWorkspace } from './training-workspace.js'

/** How a layer's tokens were routed: what the way back needs. */
interface Routing {
  /** Experts of each token [T, k], in falling order of their gates. */
  ids: Int32Array
  /** Probabilities of all experts, newcomers and silent rows [T, rows]. */
  p: Float64Array
}

/**
 * The router of a mixture in training: p = softmax over all experts, the k largest are chosen, and their p are the gates. In p
 * newcomers come after the experts that the layer has, and silent rows last. The choice is fixed on the way back; every
 * score gets a gradient through the softmax.
 */
export class RouterTraining {
  /** Address of the gates [T, k]. */
  readonly gates: number
  /** Address of their gradients [T, k]. */
  readonly gateGradients: number
  private readonly routings: Routing[] = []
  private readonly biases: number[]

  constructor(
    private readonly workspace: TrainingWorkspace,
    private readonly mixture: Mixture,
    private readonly logits: TrainedLogits,
  ) {
    const { bank, maxTokens, config } = workspace
    this.gates = bank.arena.allocate(maxTokens * mixture.topK * 4)
    this.gateGradients = bank.arena.allocate(maxTokens * mixture.topK * 4)
    this.biases = workspace.perLayer((layer) =>
      config.gateBias && mixture.experts[layer] > 0 ? workspace.at(layer, `${mixture.kind}.router.bias`) : 0,
    )
  }

  /** Routes a micro-batch: experts of each token [T, k], and their gates at `gates`. */
  forward(layer: number, tokens: number, set?: TrainedSet): Int32Array {
    this.logits.forward(layer, tokens, set)
    const routing = this.choose(layer, tokens, set)
    this.routings[layer] = routing
    if (set) this.count(layer, tokens, set, routing)
    return routing.ids
  }

  /** Brings back the choice and the gates that `forward` found. */
  recall(layer: number): Int32Array {
    const { ids, p } = this.routings[layer]
    this.writeGates(ids, p)
    return ids
  }

  /** From the gradients of the gates to those of a (overwritten, with `needsInput`) and of trained rows (added). */
  backward(layer: number, tokens: number, needsInput: boolean, set?: TrainedSet): void {
    const { workspace, mixture, logits } = this
    const { topK: k } = mixture
    const { ids, p } = this.routings[layer]
    const { f32 } = workspace.bank
    const rows = p.length / tokens
    // Of gates that are p of the chosen: dlogit = p (dp - sum of p dp), where dp is 0 for those not chosen.
    const gradient = new Float64Array(p.length)
    for (let t = 0; t < tokens; t++) {
      let along = 0
      for (let i = t * k; i < (t + 1) * k; i++) along += p[t * rows + ids[i]] * f32[this.gateGradients / 4 + i]
      for (let e = 0; e < rows; e++) gradient[t * rows + e] = -p[t * rows + e] * along
      for (let i = t * k; i < (t + 1) * k; i++) {
        gradient[t * rows + ids[i]] += p[t * rows + ids[i]] * f32[this.gateGradients / 4 + i]
      }
    }
    if (set && workspace.steering) steer(workspace.steering, p, tokens, this.shapeOf(layer, set), gradient)
    this.store(layer, tokens, gradient, set)
    logits.backward(layer, tokens, needsInput, set)
  }

  private choose(layer: number, tokens: number, set?: TrainedSet): Routing {
    const { topK: k } = this.mixture
    const p = this.load(layer, tokens, set)
    const rows = p.length / tokens
    const choosable = this.mixture.experts[layer] + (set?.newcomers ?? 0)
    const ids = new Int32Array(tokens * k)
    const row = new Float64Array(rows)
    for (let t = 0; t < tokens; t++) {
      let most = Number.NEGATIVE_INFINITY
      for (let e = 0; e < rows; e++) most = Math.max(most, p[t * rows + e])
      let sum = 0
      for (let e = 0; e < rows; e++) {
        row[e] = expBelow(most - p[t * rows + e])
        sum += row[e]
      }
      for (let e = 0; e < rows; e++) p[t * rows + e] = row[e] / sum
      for (let slot = 0; slot < k; slot++) {
        let best = 0
        for (let e = 1; e < choosable; e++) if (row[e] > row[best]) best = e
        ids[t * k + slot] = best
        row[best] = -1
      }
    }
    this.writeGates(ids, p)
    return { ids, p }
  }

  private writeGates(ids: Int32Array, p: Float64Array): void {
    const { topK: k } = this.mixture
    const { f32 } = this.workspace.bank
    const rows = (p.length * k) / ids.length
    for (let i = 0; i < ids.length; i++) f32[this.gates / 4 + i] = p[Math.floor(i / k) * rows + ids[i]]
  }

  /** Scores in the order of p: [T, rows]. */
  private load(layer: number, tokens: number, set?: TrainedSet): Float64Array {
    const { mixture, logits, workspace } = this
    const { f32 } = workspace.bank
    const places = this.places(layer, set)
    const bias = this.biases[layer] / 4
    const inModel = routerRows(mixture, layer)
    const scores = new Float64Array(tokens * places.length)
    for (let t = 0; t < tokens; t++) {
      const [frozen, trained] = [logits.frozen.row(t), logits.trained.row(t)]
      for (const [e, place] of places.entries()) {
        scores[t * places.length + e] = place < inModel ? frozen[place] : trained[place - inModel]
        scores[t * places.length + e] += this.biasOf(f32, bias, e, mixture.experts[layer], set)
      }
    }
    return scores
  }

  /** The bias of entry e of p; `bias` is the index of the model's own, 0 if it has none. */
  private biasOf(f32: Float32Array, bias: number, e: number, experts: number, set?: TrainedSet): number {
    const newcomers = set?.newcomers ?? 0
    if (e >= experts && e < experts + newcomers) return this.workspace.newcomerBias
    if (bias === 0) return 0
    return f32[bias + (e < experts ? e : e - newcomers)]
  }

  /** Writes gradients of the scores, in the order of p, to where the scores were. */
  private store(layer: number, tokens: number, gradient: Float64Array, set?: TrainedSet): void {
    const { mixture, logits } = this
    const places = this.places(layer, set)
    const inModel = routerRows(mixture, layer)
    for (let t = 0; t < tokens; t++) {
      const [frozen, trained] = [logits.frozen.row(t), logits.trained.row(t)]
      // Rows of the model that are trained have their gradient among the trained.
      frozen.fill(0)
      for (const [e, place] of places.entries()) {
        const value = gradient[t * places.length + e]
        if (place < inModel) frozen[place] = value
        else trained[place - inModel] = value
      }
    }
  }

  /** Where each entry of p stands: a row of the model's matrix or, from the number of these on, a trained one. */
  private places(layer: number, set?: TrainedSet): number[] {
    const experts = this.mixture.experts[layer]
    const inModel = routerRows(this.mixture, layer)
    const places = Array.from({ length: inModel }, (_, row) => row)
    for (const [index, id] of set?.ids.entries() ?? []) if (id < experts) places[id] = inModel + index
    const { newcomers = 0, ids = [] } = set ?? {}
    const added = Array.from({ length: newcomers }, (_, i) => inModel + ids.length - newcomers + i)
    places.splice(experts, 0, ...added)
    return places
  }

  private shapeOf(layer: number, { newcomers }: TrainedSet): RouterShape {
    const { experts, topK } = this.mixture
    return { from: experts[layer], to: experts[layer] + newcomers, topK }
  }

  private count(layer: number, tokens: number, set: TrainedSet, { ids, p }: Routing): void {
    const { tally, steering, kept } = this.workspace
    const { topK: k } = this.mixture
    const experts = this.mixture.experts[layer]
    for (const [i, id] of ids.entries()) {
      if (kept?.[Math.floor(i / k)] === 1) continue
      tally.choices++
      if (id >= experts) tally.newcomers++
    }
    if (steering) tally.steering += steer(steering, p, tokens, this.shapeOf(layer, set))
  }
}
