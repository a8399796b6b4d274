import { expBelow } from '../../../ground/elementary.js'
import type { Mixture } from '../../../model/config/config.js'
import { balanceLoss, type RouterShape } from './balance.js'
import { RouterScores } from './router-scores.js'
import type { TrainedLogits } from './trained-logits.js'
import type { TrainedSet, TrainingWorkspace } from './training-workspace.js'

/** Routes of a layer's tokens, kept for the backward pass. */
interface Routing {
  /** Experts of each token [T, k], in falling order of their gates. */
  ids: Int32Array
  /** Probabilities [T, entries] of the layer's experts, new experts and silent rows. */
  p: Float64Array
}

/**
 * The router of a mixture in training: p = softmax over all experts, the k largest are chosen, and their p are the
 * gates. The backward pass takes the choice as fixed; every score gets a gradient through the softmax.
 */
export class RouterTraining {
  /** Address of the gates [T, k]. */
  readonly gates: number
  /** Address of their gradients [T, k]. */
  readonly gateGradients: number
  private readonly scores: RouterScores
  private readonly routings: Routing[] = []

  constructor(
    private readonly workspace: TrainingWorkspace,
    private readonly mixture: Mixture,
    private readonly logits: TrainedLogits,
  ) {
    const { bank, maxTokens } = workspace
    this.gates = bank.arena.allocate(maxTokens * mixture.topK * 4)
    this.gateGradients = bank.arena.allocate(maxTokens * mixture.topK * 4)
    this.scores = new RouterScores(workspace, mixture, logits)
  }

  /** Routes a micro-batch: returns the experts of each token [T, k] and writes their gates to `gates`. */
  forward(layer: number, tokens: number, set?: TrainedSet): Int32Array {
    this.logits.forward(layer, tokens, set)
    const scores = this.scores.read(layer, tokens, set)
    const choosable = this.mixture.experts[layer] + (set?.newExperts ?? 0)
    const routing = route(scores, tokens, choosable, this.mixture.topK)
    this.writeGates(routing)
    this.routings[layer] = routing
    if (set) this.count(layer, tokens, set, routing)
    return routing.ids
  }

  /** Restores the choice and the gates of the last `forward`. */
  recall(layer: number): Int32Array {
    this.writeGates(this.routings[layer])
    return this.routings[layer].ids
  }

  /** Adds the gradients of trained rows, from the gradients of the gates. With `needsInput` it also computes da. */
  backward(layer: number, tokens: number, needsInput: boolean, set?: TrainedSet): void {
    const { pass, bank } = this.workspace
    const routing = this.routings[layer]
    const first = this.gateGradients / 4
    const gateGradients = bank.f32.subarray(first, first + routing.ids.length)
    const gradients = softmaxBackward(routing, tokens, gateGradients)
    if (set && pass.balance) balanceLoss(pass.balance, routing.p, tokens, this.shapeOf(layer, set), gradients)
    this.scores.write(layer, tokens, gradients, set)
    this.logits.backward(layer, tokens, needsInput, set)
  }

  private writeGates({ ids, p }: Routing): void {
    const { topK: k } = this.mixture
    const { f32 } = this.workspace.bank
    const entries = (p.length * k) / ids.length
    for (let i = 0; i < ids.length; i++) f32[this.gates / 4 + i] = p[Math.floor(i / k) * entries + ids[i]]
  }

  private shapeOf(layer: number, { newExperts }: TrainedSet): RouterShape {
    const { experts, topK } = this.mixture
    return { from: experts[layer], to: experts[layer] + newExperts, topK }
  }

  private count(layer: number, tokens: number, set: TrainedSet, { ids, p }: Routing): void {
    const { retained, pass } = this.workspace
    const { tally, balance } = pass
    const { topK: k } = this.mixture
    const experts = this.mixture.experts[layer]
    for (const [i, id] of ids.entries()) {
      if (retained?.[Math.floor(i / k)] === 1) continue
      tally.choices++
      if (id >= experts) tally.newExperts++
    }
    if (balance) tally.balance += balanceLoss(balance, p, tokens, this.shapeOf(layer, set))
  }
}

/** Computes the softmax of each token's scores in place, and the k largest of the first `choosable` entries. */
function route(scores: Float64Array, tokens: number, choosable: number, k: number): Routing {
  const entries = scores.length / tokens
  const ids = new Int32Array(tokens * k)
  const exponentials = new Float64Array(entries)
  for (let t = 0; t < tokens; t++) {
    const p = scores.subarray(t * entries, (t + 1) * entries)
    let most = Number.NEGATIVE_INFINITY
    for (let e = 0; e < entries; e++) most = Math.max(most, p[e])
    let sum = 0
    for (let e = 0; e < entries; e++) {
      exponentials[e] = expBelow(most - p[e])
      sum += exponentials[e]
    }
    for (let e = 0; e < entries; e++) p[e] = exponentials[e] / sum
    for (let slot = 0; slot < k; slot++) {
      let best = 0
      for (let e = 1; e < choosable; e++) if (exponentials[e] > exponentials[best]) best = e
      ids[t * k + slot] = best
      exponentials[best] = -1
    }
  }
  return { ids, p: scores }
}

/** Gradients of the scores, from dp of the gates [T, k], 0 for experts not chosen: p (dp - sum of p dp). */
function softmaxBackward({ ids, p }: Routing, tokens: number, gateGradients: Float32Array): Float64Array {
  const k = ids.length / tokens
  const entries = p.length / tokens
  const gradients = new Float64Array(p.length)
  for (let t = 0; t < tokens; t++) {
    let along = 0
    for (let i = t * k; i < (t + 1) * k; i++) along += p[t * entries + ids[i]] * gateGradients[i]
    for (let e = t * entries; e < (t + 1) * entries; e++) gradients[e] = -p[e] * along
    for (let i = t * k; i < (t + 1) * k; i++) {
      const chosen = t * entries + ids[i]
      gradients[chosen] += p[chosen] * gateGradients[i]
    }
  }
  return gradients
}
