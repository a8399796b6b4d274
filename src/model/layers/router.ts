import { type Mixture, routerRows } from '../config/config.js'
import type { LayerMask } from '../config/expert-mask.js'
import { ExpertChoice } from './expert-choice.js'
import type { RouterLogits } from './router-logits.js'
import type { Workspace } from './workspace.js'

/** Logit of an expert that is steered to `always`, above the largest one. */
const ALWAYS_ABOVE = 0.01

/** Routes batches: logits of the tokens, and the k experts that each chooses. */
export class Router {
  /** Experts of each token [T, k], in falling order of their gates; valid until the next run. Each layer has its k. */
  readonly ids: Int32Array
  /** 1 for each token of the last run that skips its expert (see Routing). */
  readonly skips: Uint8Array
  /** Address of the gates, floats [T, slots], the first k of each token in the order of `ids`. */
  readonly gates: number
  private readonly choice: ExpertChoice
  private readonly used: readonly number[]
  /** Addresses by layer of the biases of logits and of the choice, and of the experts' factors; 0 for none. */
  private readonly biases: number[]
  private readonly selections: number[]
  private readonly scales: number[]

  /** Each token has k gates, and then `sharedSlots` more for outputs of other layers. */
  constructor(
    private readonly workspace: Workspace,
    private readonly mixture: Mixture,
    private readonly logits: RouterLogits,
    private readonly sharedSlots: number,
  ) {
    const { bank, maxTokens, config } = workspace
    const { kind, topK, experts, routing } = mixture
    this.ids = new Int32Array(maxTokens * topK)
    this.skips = new Uint8Array(maxTokens)
    this.gates = bank.arena.allocate(maxTokens * (topK + sharedSlots) * 4)
    this.used = workspace.used(kind)
    this.choice = new ExpertChoice(mixture, logits.logits.columns)
    const piece = (isIn: boolean | undefined, name: string) =>
      workspace.perLayer((layer) => (isIn && experts[layer] > 0 ? workspace.at(layer, `${kind}.router.${name}`) : 0))
    this.biases = piece(config.gateBias, 'bias')
    this.selections = piece(routing?.selectionBias, 'selection')
    this.scales = piece(routing?.expertScales, 'scales')
  }

  /** Routes the first `tokens` rows of the batch. */
  run(layer: number, tokens: number): void {
    this.logits.run(layer, tokens)
    if (this.biases[layer]) this.addBias(layer, tokens)
    for (const { first, count, position, masks } of this.workspace.cache.segments) {
      const mask = masks?.[this.mixture.kind]?.[layer]
      if (mask?.out && mask.gates === 'kept') this.silence(first, count, mask.out)
      if (mask?.pushes) this.push(layer, first, count, mask.pushes)
      this.choose(layer, first, count, position, mask)
    }
  }

  /** Scores of all experts in the last run, of the tokens [first, first + count): count x experts. */
  scores(layer: number, first: number, count: number): Float32Array {
    const { f32 } = this.workspace.bank
    const experts = this.mixture.experts[layer]
    const all = new Float32Array(count * experts)
    for (let t = 0; t < count; t++) this.choice.allScores(f32, this.rowOf(first + t), layer, all, t * experts)
    return all
  }

  /** Logits of the last run, of the tokens [first, first + count): count x rows of the router. */
  logitsOf(layer: number, first: number, count: number): Float32Array {
    const { f32 } = this.workspace.bank
    const rows = routerRows(this.mixture, layer)
    const all = new Float32Array(count * rows)
    for (let t = 0; t < count; t++) {
      const at = this.rowOf(first + t)
      all.set(f32.subarray(at, at + rows), t * rows)
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
  private silence(first: number, count: number, out: Uint8Array): void {
    const { f32 } = this.workspace.bank
    for (let t = first; t < first + count; t++) {
      const row = this.rowOf(t)
      for (let e = 0; e < out.length; e++) if (out[e]) f32[row + e] = Number.NEGATIVE_INFINITY
    }
  }

  /** Steers experts: adds to their logits in units of the spread of the token's logits. */
  private push(layer: number, first: number, count: number, pushes: Float64Array): void {
    const { f32 } = this.workspace.bank
    const experts = this.mixture.experts[layer]
    for (let t = first; t < first + count; t++) {
      const row = this.rowOf(t)
      const { largest, spread } = spreadOf(f32, row, experts)
      for (let e = 0; e < experts; e++) {
        if (pushes[e] === Infinity) f32[row + e] = largest + ALWAYS_ABOVE
        else if (pushes[e] !== 0) f32[row + e] += pushes[e] * spread
      }
    }
  }

  private choose(layer: number, first: number, count: number, position: number, mask?: LayerMask): void {
    const { ids, choice, sharedSlots, selections, scales } = this
    const k = this.used[layer]
    const { f32 } = this.workspace.bank
    const { out, pushes, changes } = mask ?? {}
    const indexOf = (address: number) => (address === 0 ? undefined : address / 4)
    const [selectionAt, scalesAt] = [indexOf(selections[layer]), indexOf(scales[layer])]
    const router = { layer, k, out, pushes, selectionAt, scalesAt }
    for (let t = first; t < first + count; t++) {
      const changed = changes?.at(position + t - first)
      const route = changed?.findLast(({ out }) => out)
      choice.choose(f32, this.rowOf(t), route ? { ...router, out: route.out, isRouted: true } : router)
      if (changed) for (const { weightOf } of changed) if (weightOf) choice.weigh(k, weightOf)
      this.skips[t] = Number(choice.isSkipping)
      const gates = this.gates / 4 + t * (k + sharedSlots)
      for (let slot = 0; slot < k; slot++) {
        ids[t * k + slot] = choice.ids[slot]
        f32[gates + slot] = choice.gates[slot]
      }
    }
  }

  /** Index of a token's first logit among the floats of the bank. */
  private rowOf(token: number): number {
    const { address, stride } = this.logits.logits
    return address / 4 + token * stride
  }
}

/** Largest of a token's logits, and their standard deviation; experts that are out of the softmax do not count. */
function spreadOf(floats: Float32Array, at: number, experts: number): { largest: number; spread: number } {
  let [largest, sum, squares, count] = [Number.NEGATIVE_INFINITY, 0, 0, 0]
  for (let e = at; e < at + experts; e++) {
    const logit = floats[e]
    if (logit === Number.NEGATIVE_INFINITY) continue
    largest = Math.max(largest, logit)
    sum += logit
    squares += logit * logit
    count++
  }
  return { largest, spread: Math.sqrt(Math.max(0, squares / count - (sum / count) ** 2)) }
}
