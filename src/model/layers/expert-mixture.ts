import { Matmul, type MatmulShape } from '../../kernels/calls/matmul.js'
import type { Rows } from '../../kernels/memory/rows.js'
import type { Mixture } from '../config/config.js'
import type { TokenChange } from '../config/intervention.js'
import { type AddressOf, ExpertGroups } from './expert-groups.js'
import { Router } from './router.js'
import type { RouterLogits } from './router-logits.js'
import type { Workspace } from './workspace.js'

export interface MixtureOptions {
  /** Rows of each token after its k experts' rows, for other layers to write. Default 0. */
  sharedSlots?: number
  /** Number of other matrices that take part in the first product (see AppendGroups). Default 0. */
  extraMatrices?: number
}

/** Adds groups of other matrices from number `next` on. Returns the number of matrices, and of their rows in all. */
export type AppendGroups = (groups: ExpertGroups, next: number) => { matrices: number; rows: number }

/** A matrix that every expert of a mixture has, and the product with it. */
export interface ExpertProduct {
  matmul: Matmul
  input: Rows
  output: Rows
  /** Places of the matrix in the experts (see expertPlaces), by layer. */
  places: readonly Uint32Array[]
  /** Places of the bias; absent if they have none. */
  biases?: readonly Uint32Array[]
}

/**
 * A mixture of experts of one bank: routes a batch, makes sure that the chosen experts are in memory, and multiplies
 * with them. A token and one of its k experts are an item; its row is token * slots + slot. Each layer has its k and
 * slots.
 */
export class ExpertMixture {
  /** The most slots of a token in any layer. */
  readonly mostSlots: number
  /** Address of the gates, floats [T, slots]. */
  readonly gates: number
  private readonly sharedSlots: number
  private readonly router: Router
  private readonly used: readonly number[]
  /** Times that a token has used each expert, by layer. */
  private readonly uses: readonly Float64Array[]
  private readonly groups: ExpertGroups

  constructor(
    private readonly workspace: Workspace,
    private readonly mixture: Mixture,
    logits: RouterLogits,
    { sharedSlots = 0, extraMatrices = 0 }: MixtureOptions = {},
  ) {
    const { bank, maxTokens } = workspace
    this.sharedSlots = sharedSlots
    this.mostSlots = mixture.topK + sharedSlots
    this.used = workspace.used(mixture.kind)
    this.uses = workspace.uses[mixture.kind] ?? []
    this.router = new Router(workspace, mixture, logits, sharedSlots)
    this.gates = this.router.gates
    const most = mixture.experts.reduce((most, experts) => Math.max(most, experts), 0)
    this.groups = new ExpertGroups(bank, most, maxTokens * mixture.topK, extraMatrices)
  }

  isIn(layer: number): boolean {
    return this.mixture.experts[layer] > 0
  }

  k(layer: number): number {
    return this.used[layer]
  }

  /** Rows and gates of a token in a layer: of its experts, and the shared ones. */
  slots(layer: number): number {
    return this.k(layer) + this.sharedSlots
  }

  /** Routes a batch: ids [T, k], gates [T, slots]. The chosen experts are in memory afterwards. */
  route(layer: number, tokens: number): void {
    this.choose(layer, tokens)
    this.require(layer)
  }

  /** Routes a batch before its experts are needed. Absent ones may be read until `require`. */
  routeEarly(layer: number, tokens: number): void {
    const { groups, mixture, workspace } = this
    this.choose(layer, tokens)
    workspace.store.request(layer, mixture.kind, groups.chosenExperts, groups.count)
  }

  /** Brings the chosen experts into memory. */
  require(layer: number): void {
    const { groups, mixture, workspace } = this
    workspace.store.require(layer, mixture.kind, groups.chosenExperts, groups.count)
  }

  /** Multiplies with experts' first matrix: token rows in, item rows out. `append` adds groups of other matrices. */
  fromTokens(layer: number, product: ExpertProduct, append?: AppendGroups): void {
    const { groups } = this
    const count = groups.fromTokens(this.addresses(layer, product.places), this.biases(layer, product))
    const more = append?.(groups, count)
    product.matmul.run(groups.table, count + (more?.matrices ?? 0), groups.work + (more?.rows ?? 0))
  }

  /** Multiplies with the experts' second matrix: item rows in, item rows [T * slots, d] out. Reports to the taps. */
  fromItems(layer: number, product: ExpertProduct): void {
    const { groups } = this
    const count = groups.fromItems(this.addresses(layer, product.places), this.biases(layer, product))
    product.matmul.run(groups.table, count, groups.work)
    if (this.mixture.routing?.skips) this.passSkipping(product.output)
    this.intervene(layer, product.output)
    this.report(layer, product)
  }

  /** Binds a product with the piece of that name, and with the piece `PIECE.bias` if `bias` is set. */
  product(piece: string, shape: MatmulShape, bias = false): ExpertProduct {
    const { bank, threads, store } = this.workspace
    const { kind } = this.mixture
    const matmul = new Matmul(bank, shape, threads)
    return {
      matmul,
      input: shape.input,
      output: shape.output,
      places: store.expertPlaces(kind, piece),
      ...(bias && { biases: store.expertPlaces(kind, `${piece}.bias`) }),
    }
  }

  private choose(layer: number, tokens: number): void {
    const { router, groups, mixture } = this
    router.run(layer, tokens)
    groups.assign(router.ids, tokens, this.k(layer), this.slots(layer), mixture.experts[layer])
    groups.addTo(this.uses[layer])
  }

  /** Gives tokens that skip their expert their own inputs. */
  private passSkipping(output: Rows): void {
    const { router, groups, workspace } = this
    for (let t = 0; t < groups.work; t++) if (router.skips[t]) output.row(t).set(workspace.a.row(t))
  }

  private intervene(layer: number, output: Rows): void {
    const { mixture, workspace } = this
    for (const { first, count, position, masks } of workspace.cache.segments) {
      const changes = masks?.[mixture.kind]?.[layer]?.changes
      for (let t = 0; changes && t < count; t++) {
        const unused = changes.at(position + t).filter((change) => !this.replace(layer, first + t, change, output))
        for (const change of unused) this.addBesides(layer, first + t, change, output)
      }
    }
  }

  /** Replaces outputs of a token's experts. Returns false if the token does not use the expert. */
  private replace(layer: number, token: number, { expert, row }: TokenChange, output: Rows): boolean {
    const k = this.k(layer)
    let isUsed = expert === undefined
    for (let i = token * k; row && i < (token + 1) * k; i++) {
      if (expert !== undefined && this.router.ids[i] !== expert) continue
      output.row(this.itemRow(layer, i)).set(row)
      isUsed = true
    }
    return isUsed
  }

  /** Adds an output of an expert that the token does not use, times its weight, to the output with the largest gate. */
  private addBesides(layer: number, token: number, { expert = 0, row, weightOf }: TokenChange, output: Rows): void {
    const weight = weightOf?.(expert, 0)
    if (!row || !weight) return
    const { f32 } = this.workspace.bank
    const first = this.itemRow(layer, token * this.k(layer))
    const [gate, y] = [this.gates / 4 + first, output.row(first)]
    const own = f32[gate]
    if (own === 0) f32[gate] = weight
    for (let i = 0; i < y.length; i++) y[i] = own === 0 ? row[i] : y[i] + (weight / own) * row[i]
  }

  /** Row of an item, by its index among the layer's routes: [T, k]. */
  private itemRow(layer: number, index: number): number {
    const k = this.k(layer)
    return Math.floor(index / k) * this.slots(layer) + (index % k)
  }

  private addresses(layer: number, places: readonly Uint32Array[]): AddressOf {
    const { store } = this.workspace
    const { kind } = this.mixture
    const offsets = places[layer]
    return (expert) => store.expert(layer, kind, expert) + offsets[expert]
  }

  private biases(layer: number, { biases }: ExpertProduct): AddressOf | undefined {
    return biases && this.addresses(layer, biases)
  }

  /** Reports its rows to each sequence's taps. */
  private report(layer: number, { input, output }: ExpertProduct): void {
    const { router, mixture, workspace } = this
    const k = this.k(layer)
    for (const { first, count, taps } of workspace.cache.segments) {
      const ids = taps.routes && router.ids.subarray(first * k, (first + count) * k)
      if (ids) taps.routes?.(layer, mixture.kind, ids, this.chosenGates(layer, first, count))
      taps.probabilities?.(layer, mixture.kind, router.scores(layer, first, count))
      taps.routerLogits?.(layer, mixture.kind, router.logitsOf(layer, first, count))
      taps.outputNorms?.(layer, mixture.kind, this.norms(layer, output, first, count))
      const rowOf = (rows: Rows) => (item: number) => rows.row(this.itemRow(layer, first * k + item))
      taps.outputs?.(layer, mixture.kind, count * k, rowOf(output))
      taps.inner?.(layer, mixture.kind, count * k, rowOf(input))
    }
  }

  /** Gates of `count` tokens' chosen experts, without the shared slots: [count, k]. */
  private chosenGates(layer: number, first: number, count: number): Float32Array {
    const [k, slots] = [this.k(layer), this.slots(layer)]
    const start = this.gates / 4 + first * slots
    const all = this.workspace.bank.f32.subarray(start, start + count * slots)
    return slots === k
      ? all
      : Float32Array.from({ length: count * k }, (_, i) => all[Math.floor(i / k) * slots + (i % k)])
  }

  private norms(layer: number, output: Rows, first: number, count: number): Float32Array {
    const k = this.k(layer)
    return Float32Array.from({ length: count * k }, (_, i) => {
      const y = output.row(this.itemRow(layer, first * k + i))
      return Math.sqrt(y.reduce((sum, value) => sum + value * value, 0))
    })
  }
}
