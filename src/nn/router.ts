import { expBelow } from '../exp.js'
import { type Mixture, routerRows } from '../model/config.js'
import type { RouterMask } from '../model/expert-mask.js'
import type { RouterLogits } from './router-logits.js'
import type { Workspace } from './workspace.js'

export interface RouterOptions {
  /** Gates from one token to the next: k, or more if other outputs follow those of the experts. */
  slots: number
  /**
   * Whether the gates are the softmax over the chosen experts alone and add up to 1; else they are shares of the
   * softmax over all experts.
   */
  renormalise: boolean
}

/**
 * Chooses the k experts of each token: p = softmax over all experts, the k largest in falling order. Equal p go to the
 * lower id.
 */
export class Router {
  /** Experts of each token [T, k]; valid until the next run. */
  readonly ids: Int32Array
  /** Address of the gates, floats [T, slots], the first k of each token in the order of `ids`. */
  readonly gates: number
  private readonly p: Float64Array
  /** p of the chosen, in falling order. */
  private readonly chosen: Float64Array
  private readonly biases: number[]

  constructor(
    private readonly workspace: Workspace,
    private readonly mixture: Mixture,
    private readonly scores: RouterLogits,
    private readonly options: RouterOptions,
  ) {
    const { bank, maxTokens, config } = workspace
    this.ids = new Int32Array(maxTokens * mixture.topK)
    this.gates = bank.arena.allocate(maxTokens * options.slots * 4)
    this.p = new Float64Array(scores.logits.columns)
    this.chosen = new Float64Array(mixture.topK)
    this.biases = workspace.perLayer((layer) =>
      config.gateBias && mixture.experts[layer] > 0 ? workspace.at(layer, `${mixture.kind}.router.bias`) : 0,
    )
  }

  /** Routes the first `tokens` rows of the batch. */
  run(layer: number, tokens: number): void {
    this.scores.run(layer, tokens)
    const mask = this.workspace.masks?.[this.mixture.kind]?.[layer]
    if (this.biases[layer]) this.addBias(layer, tokens)
    if (mask?.gates === 'kept') this.silence(tokens, mask)
    this.choose(layer, tokens, mask)
  }

  /** The softmax of the last run over all experts, of the tokens [first, first + count): count x experts. */
  probabilities(layer: number, first: number, count: number): Float32Array {
    const experts = this.mixture.experts[layer]
    const all = new Float32Array(count * experts)
    for (let t = 0; t < count; t++) {
      const sum = this.exponentiate(layer, first + t)
      for (let e = 0; e < experts; e++) all[t * experts + e] = this.p[e] / sum
    }
    return all
  }

  private addBias(layer: number, tokens: number): void {
    const { f32 } = this.workspace.bank
    const bias = this.biases[layer] / 4
    const rows = routerRows(this.mixture, layer)
    for (let t = 0; t < tokens; t++) {
      const row = this.rowOf(t)
      for (let e = 0; e < rows; e++) f32[row + e] += f32[bias + e]
    }
  }

  /** Removes experts from the softmax; its sum over the others is then the same as without them. */
  private silence(tokens: number, { out }: RouterMask): void {
    const { f32 } = this.workspace.bank
    for (let t = 0; t < tokens; t++) {
      const row = this.rowOf(t)
      for (let e = 0; e < out.length; e++) if (out[e]) f32[row + e] = Number.NEGATIVE_INFINITY
    }
  }

  /** Computes the softmax and the k largest of the experts that the mask allows. */
  private choose(layer: number, tokens: number, mask?: RouterMask): void {
    const { ids, p, mixture, options } = this
    const { topK: k } = mixture
    const experts = mixture.experts[layer]
    const { f32 } = this.workspace.bank
    for (let t = 0; t < tokens; t++) {
      const all = this.exponentiate(layer, t)
      // Below the probability of any expert that may be chosen.
      if (mask) for (let e = 0; e < experts; e++) if (mask.out[e]) p[e] = -1
      let sum = 0
      for (let slot = 0; slot < k; slot++) {
        let best = 0
        for (let e = 1; e < experts; e++) if (p[e] > p[best]) best = e
        ids[t * k + slot] = best
        this.chosen[slot] = p[best]
        sum += p[best]
        p[best] = -1
      }
      const first = this.gates / 4 + t * options.slots
      const whole = options.renormalise ? sum : all
      for (let slot = 0; slot < k; slot++) f32[first + slot] = this.chosen[slot] / whole
    }
  }

  /**
   * Sets p to e^(logit - largest) of a token's logits and returns their sum. If the sum is not a number, p and the sum
   * are 0: the gates, 0 / 0, are then NaN, but the k experts are still different ones.
   */
  private exponentiate(layer: number, token: number): number {
    const { p } = this
    const { f32 } = this.workspace.bank
    const row = this.rowOf(token)
    const rows = routerRows(this.mixture, layer)
    let most = Number.NEGATIVE_INFINITY
    for (let e = 0; e < rows; e++) most = Math.max(most, f32[row + e])
    let sum = 0
    for (let e = 0; e < rows; e++) {
      p[e] = expBelow(most - f32[row + e])
      sum += p[e]
    }
    return sum
  }

  /** Index of a token's first logit among the floats of the bank. */
  private rowOf(token: number): number {
    const { address, stride } = this.scores.logits
    return address / 4 + token * stride
  }
}
