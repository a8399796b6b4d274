import type { Bank } from '../runtime/bank.js'
import type { WeightFormat } from '../runtime/formats.js'
import { Rows } from '../runtime/rows.js'
import type { GateType } from './config.js'
import type { RouterMask } from './expert-mask.js'
import { Linear } from './linear.js'

/** Addresses of one router's pieces; which ones exist depends on the gate type. */
export interface RouterWeights {
  experts: number
  /** Rows of the last matrix: those of the experts come first, any others only have their share of the softmax. */
  rows: number
  /** Address of what is added to the logits, 0 for nothing. */
  bias: number
  /** mlp: W0 and b0; gmm: Wz, without a bias. */
  hidden: number
  hiddenBias: number
  /** mlp: W3; linear: W0; gmm: the centroids. Always f32. */
  logits: number
  /** gmm: e^temperature / |centroid| for each expert. */
  centroidScale?: Float64Array
}

export interface RouterShape {
  gateType: GateType
  gatingSize: number
  k: number
  maxRows: number
  maxTokens: number
  /** Format of the hidden matrix. */
  format: WeightFormat
  /** Layer-normed rows [maxTokens, width]. */
  a: Rows
  list: number
}

/**
 * Chooses the k experts of each token: p = softmax over all experts, the k largest in falling order; the gates are these
 * p as they are, not renormalised. Equal p go to the lower id.
 */
export class Router {
  /** Experts of each token, k a token; valid until the next run. */
  readonly ids: Int32Array
  /** Address of the gates, floats in the order of `ids`. */
  readonly gates: number
  /** Inputs of the last matrix where there are two: z [maxTokens, gatingSize]. */
  private readonly z: Rows
  /** [maxTokens, maxRows] */
  private readonly logits: Rows
  private readonly hiddenProduct?: Linear
  private readonly logitsProduct: Linear
  private readonly p: Float64Array
  /** Rows of the last run's softmax. */
  private rows = 0

  constructor(
    private readonly bank: Bank,
    private readonly shape: RouterShape,
    threads: number,
  ) {
    const { gateType, gatingSize, k, maxRows, maxTokens, format, a, list } = shape
    this.ids = new Int32Array(maxTokens * k)
    this.p = new Float64Array(maxRows)
    this.gates = bank.arena.allocate(maxTokens * k * 4)
    this.z = Rows.allocate(bank, maxTokens, gatingSize)
    this.logits = Rows.allocate(bank, maxTokens, maxRows)
    if (gateType !== 'linear') {
      const hidden = { format, input: a, output: this.z, activation: gateType === 'mlp' ? 'gelu' : 'identity' } as const
      this.hiddenProduct = new Linear(bank, hidden, list, threads)
    }
    const logits = { format: 'f32', input: this.hiddenProduct ? this.z : a, output: this.logits } as const
    this.logitsProduct = new Linear(bank, logits, list, threads)
  }

  /** Routes the first `tokens` rows of the batch. */
  run(tokens: number, weights: RouterWeights, mask?: RouterMask): void {
    this.hiddenProduct?.run(tokens, weights.hidden, weights.hiddenBias)
    this.logitsProduct.run(tokens, weights.logits, 0)
    if (weights.centroidScale) this.scaleCosines(tokens, weights.centroidScale)
    if (weights.bias) this.addBias(tokens, weights)
    if (mask?.gates === 'kept') this.silence(tokens, mask.out)
    this.rows = weights.rows
    this.choose(tokens, weights.experts, mask?.out)
  }

  /** The softmax of the last run over all experts: tokens x experts. */
  probabilities(tokens: number, experts: number): Float32Array {
    const all = new Float32Array(tokens * experts)
    for (let t = 0; t < tokens; t++) {
      const sum = this.exponentiate(this.logits.row(t))
      for (let e = 0; e < experts; e++) all[t * experts + e] = this.p[e] / sum
    }
    return all
  }

  /** gmm: turns z . c into cos(z, c) * e^temperature. */
  private scaleCosines(tokens: number, centroidScale: Float64Array): void {
    for (let t = 0; t < tokens; t++) {
      const z = this.z.row(t)
      let square = 0
      for (let i = 0; i < z.length; i++) square += z[i] * z[i]
      const scale = 1 / Math.max(Math.sqrt(square), 1e-12)
      const logits = this.logits.row(t)
      for (let e = 0; e < centroidScale.length; e++) logits[e] *= scale * centroidScale[e]
    }
  }

  private addBias(tokens: number, { bias, rows }: RouterWeights): void {
    const f32 = this.bank.f32
    for (let t = 0; t < tokens; t++) {
      const logits = this.logits.row(t)
      for (let e = 0; e < rows; e++) logits[e] += f32[bias / 4 + e]
    }
  }

  /** Takes experts out of the softmax, whose sum over the others is then the same as if there were only those. */
  private silence(tokens: number, out: Uint8Array): void {
    for (let t = 0; t < tokens; t++) {
      const logits = this.logits.row(t)
      for (let e = 0; e < out.length; e++) if (out[e]) logits[e] = Number.NEGATIVE_INFINITY
    }
  }

  /** Softmax and the k largest, of experts that are not `out`. */
  private choose(tokens: number, experts: number, out?: Uint8Array): void {
    const { ids, p } = this
    const { k } = this.shape
    const f32 = this.bank.f32
    for (let t = 0; t < tokens; t++) {
      const sum = this.exponentiate(this.logits.row(t))
      // Below the probability of any expert that may be chosen.
      if (out) for (let e = 0; e < experts; e++) if (out[e]) p[e] = -1
      for (let slot = 0; slot < k; slot++) {
        let best = 0
        for (let e = 1; e < experts; e++) if (p[e] > p[best]) best = e
        ids[t * k + slot] = best
        f32[this.gates / 4 + t * k + slot] = p[best] / sum
        p[best] = -1
      }
    }
  }

  /** Sets p to e^(logit - largest) of a token's logits; returns their sum. */
  private exponentiate(logits: Float32Array): number {
    const { p, rows } = this
    let most = Number.NEGATIVE_INFINITY
    for (let e = 0; e < rows; e++) most = Math.max(most, logits[e])
    let sum = 0
    for (let e = 0; e < rows; e++) {
      p[e] = Math.exp(logits[e] - most)
      sum += p[e]
    }
    return sum
  }
}
