import type { Bank } from '../runtime/bank.js'
import { type Format, roundUp } from '../runtime/kernels.js'
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
  width: number
  gatingSize: number
  k: number
  maxRows: number
  maxTokens: number
  /** Format of the hidden matrix. */
  format: Format
  /** Addresses of the layer-normed rows as floats and as records. */
  a: number
  records: number
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
  private readonly hidden?: Linear
  private readonly logits: Linear
  private readonly hiddenAddress: number
  private readonly logitsAddress: number
  private readonly stride: number
  private readonly p: Float64Array
  /** Rows of the last run's softmax. */
  private rows = 0

  constructor(
    private readonly bank: Bank,
    private readonly shape: RouterShape,
    threads: number,
  ) {
    const { gateType, width, gatingSize, k, maxRows, maxTokens, format, a, records, list } = shape
    this.stride = roundUp(maxRows, 8)
    this.ids = new Int32Array(maxTokens * k)
    this.p = new Float64Array(maxRows)
    this.gates = bank.arena.allocate(maxTokens * k * 4)
    this.logitsAddress = bank.arena.allocate(maxTokens * this.stride * 4)
    const hiddenStride = roundUp(gatingSize, 32)
    this.hiddenAddress = bank.arena.allocate(maxTokens * hiddenStride * 4)
    const logits = { format: 'f32', rows: maxRows, output: this.logitsAddress, outputStride: this.stride } as const
    if (gateType === 'linear') {
      this.logits = new Linear(bank, { ...logits, columns: width, input: a }, list, threads)
    } else {
      const input = format === 'f32' ? a : records
      const output = { output: this.hiddenAddress, outputStride: hiddenStride }
      const activation = gateType === 'mlp' ? 'gelu' : 'identity'
      const hidden = { format, columns: width, rows: gatingSize, input, ...output, activation } as const
      this.hidden = new Linear(bank, hidden, list, threads)
      this.logits = new Linear(bank, { ...logits, columns: gatingSize, input: this.hiddenAddress }, list, threads)
    }
  }

  /** Routes the first `tokens` rows of the batch. */
  run(tokens: number, weights: RouterWeights, mask?: RouterMask): void {
    this.hidden?.run(tokens, weights.hidden, weights.hiddenBias)
    this.logits.run(tokens, weights.logits, 0)
    if (weights.centroidScale) this.scaleCosines(tokens, weights.centroidScale)
    if (weights.bias) this.addBias(tokens, weights)
    if (mask?.gates === 'kept') this.silence(tokens, mask.out)
    this.rows = weights.rows
    this.choose(tokens, weights.experts, mask?.out)
  }

  /** The softmax of the last run over all experts: tokens x experts. */
  probabilities(tokens: number, experts: number): Float32Array {
    const f32 = this.bank.f32
    const all = new Float32Array(tokens * experts)
    for (let t = 0; t < tokens; t++) {
      const sum = this.exponentiate(this.logitsAddress / 4 + t * this.stride, f32)
      for (let e = 0; e < experts; e++) all[t * experts + e] = this.p[e] / sum
    }
    return all
  }

  /** gmm: turns z . c into cos(z, c) * e^temperature. */
  private scaleCosines(tokens: number, centroidScale: Float64Array): void {
    const { gatingSize } = this.shape
    const f32 = this.bank.f32
    for (let t = 0; t < tokens; t++) {
      const z = this.hiddenAddress / 4 + t * roundUp(gatingSize, 32)
      let square = 0
      for (let i = 0; i < gatingSize; i++) square += f32[z + i] * f32[z + i]
      const scale = 1 / Math.max(Math.sqrt(square), 1e-12)
      const row = this.logitsAddress / 4 + t * this.stride
      for (let e = 0; e < centroidScale.length; e++) f32[row + e] *= scale * centroidScale[e]
    }
  }

  private addBias(tokens: number, { bias, rows }: RouterWeights): void {
    const f32 = this.bank.f32
    for (let t = 0; t < tokens; t++) {
      const row = this.logitsAddress / 4 + t * this.stride
      for (let e = 0; e < rows; e++) f32[row + e] += f32[bias / 4 + e]
    }
  }

  /** Takes experts out of the softmax, whose sum over the others is then the same as if there were only those. */
  private silence(tokens: number, out: Uint8Array): void {
    const f32 = this.bank.f32
    for (let t = 0; t < tokens; t++) {
      const row = this.logitsAddress / 4 + t * this.stride
      for (let e = 0; e < out.length; e++) if (out[e]) f32[row + e] = Number.NEGATIVE_INFINITY
    }
  }

  /** Softmax and the k largest, of experts that are not `out`. */
  private choose(tokens: number, experts: number, out?: Uint8Array): void {
    const { ids, p } = this
    const { k } = this.shape
    const f32 = this.bank.f32
    for (let t = 0; t < tokens; t++) {
      const sum = this.exponentiate(this.logitsAddress / 4 + t * this.stride, f32)
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

  /**
   * Sets p to e^(logit - largest) of the logits from `row` on; returns their sum. Where that is not a number, p and the
   * sum are 0: the gates, 0 / 0, are then not numbers either, but the k experts are still different ones.
   */
  private exponentiate(row: number, f32: Float32Array): number {
    const { p, rows } = this
    let most = Number.NEGATIVE_INFINITY
    for (let e = 0; e < rows; e++) most = Math.max(most, f32[row + e])
    let sum = 0
    for (let e = 0; e < rows; e++) {
      p[e] = Math.exp(f32[row + e] - most) || 0
      sum += p[e]
    }
    return sum
  }
}
