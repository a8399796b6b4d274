import { sigmoid } from '../../ground/elementary.js'
import { allocateList, writeListEntry } from '../../kernels/calls/groups.js'
import { type GatedActivationName, takesFloats } from '../../kernels/memory/formats.js'
import type { Rows } from '../../kernels/memory/rows.js'
import type { Mixture } from '../config/config.js'
import { ExpertMixture, type ExpertProduct } from './expert-mixture.js'
import { Linear } from './linear.js'
import type { Feed } from './pre-norm-blocks.js'
import { LinearLogits, type RouterLogits } from './router-logits.js'
import type { Workspace } from './workspace.js'

export interface GatedOptions {
  /** f, channels inside. */
  hidden: number
  activation: GatedActivationName
  /** False if there is no gate: `up` is activated itself, and takes the place of `gate_up`. Default: true. */
  gated?: boolean
  /** Whether the products have biases: pieces `gate_up.bias` and `down.bias`. Default: false. */
  bias?: boolean
}

/** Name of the piece of the first product. */
const firstPiece = (gated: boolean) => (gated ? 'gate_up' : 'up')

/** One feed-forward layer: y = down( act(gate a) * (up a) ). Pieces `PREFIXgate_up` and `PREFIXdown`. */
export class GatedMlp implements Feed {
  readonly y: Rows
  private readonly gateUp: Linear
  private readonly down: Linear
  private readonly weights: Record<'gateUp' | 'gateUpBias' | 'down' | 'downBias', number>[]

  /** `into` has other rows to write the outputs to, and a list of the row of each token. */
  constructor(
    workspace: Workspace,
    prefix: string,
    isIn: (layer: number) => boolean,
    { hidden, activation, gated = true, bias = false }: GatedOptions,
    into?: { y: Rows; list: number },
  ) {
    const { a, formats, config } = workspace
    const format = formats.mlp
    const h = workspace.rows(1, hidden, { records: !takesFloats(format) }) // [T, f]
    this.y = into?.y ?? workspace.rows(1, config.width)
    this.gateUp = new Linear(workspace, { format, input: a, output: h, activation, gated })
    this.down = new Linear(workspace, { format, input: h, output: this.y }, into?.list)
    const at = (name: string) => `${prefix}${name}`
    this.weights = workspace.addresses(
      {
        gateUp: at(firstPiece(gated)),
        gateUpBias: bias && at(`${firstPiece(gated)}.bias`),
        down: at('down'),
        downBias: bias && at('down.bias'),
      },
      isIn,
    )
  }

  run(layer: number, T: number): void {
    const { gateUp, gateUpBias, down, downBias } = this.weights[layer]
    this.gateUp.run(T, gateUp, gateUpBias) // h [T, f] = act(Wg a) * (Wu a)
    this.down.run(T, down, downBias) //       y [T, d] = Wd h
  }
}

export interface GatedMixtureOptions extends GatedOptions {
  /** An expert that every token uses, with or without its own gate, sigmoid(w . a). */
  shared?: SharedOptions
  /** Rows [T, d] that the router reads before `run`, when the caller calls `route`. Default: `run` routes a. */
  routerInput?: Rows
  /** Scores the experts. Default: one matrix. */
  logits?: RouterLogits
  /** Factor of what the mixture adds. Default 1. */
  scale?: number
}

interface SharedOptions {
  hidden: number
  hasGate: boolean
  /** The gate of all tokens, unless `hasGate`. Default: 1. */
  weight?: number
  bias?: boolean
}

/** A mixture of feed-forward experts, with an optional shared one. */
export class GatedMixture implements Feed {
  readonly y: Rows
  readonly gates: number
  readonly scale?: number
  private readonly mixture: ExpertMixture
  private readonly gateUp: ExpertProduct
  private readonly down: ExpertProduct
  private readonly shared?: SharedExpert
  private readonly isRoutedBefore: boolean

  constructor(
    workspace: Workspace,
    mixture: Mixture,
    { hidden, activation, gated = true, bias, shared, routerInput, logits: own, scale }: GatedMixtureOptions,
  ) {
    const { a, formats, config } = workspace
    const format = formats.mlp
    const logits = own ?? new LinearLogits(workspace, mixture, routerInput)
    this.isRoutedBefore = routerInput !== undefined
    this.scale = scale
    this.mixture = new ExpertMixture(workspace, mixture, logits, { sharedSlots: shared ? 1 : 0 })
    const { mostSlots: slots } = this.mixture
    this.gates = this.mixture.gates
    const h = workspace.rows(slots, hidden, { records: !takesFloats(format) }) // [T, k, f]
    this.y = workspace.rows(slots, config.width) //                           [T, k, d]
    this.gateUp = this.mixture.product(firstPiece(gated), { format, input: a, output: h, activation, gated }, bias)
    this.down = this.mixture.product('down', { format, input: h, output: this.y }, bias)
    if (shared) this.shared = new SharedExpert(workspace, this.mixture, this.y, { ...shared, activation, gated })
  }

  perToken(layer: number): number {
    return this.mixture.slots(layer)
  }

  /** Chooses experts early: ids, gates [T, k] from Wr input. */
  route(layer: number, T: number): void {
    this.mixture.routeEarly(layer, T)
  }

  run(layer: number, T: number): void {
    const { mixture } = this
    if (this.isRoutedBefore) mixture.require(layer)
    else mixture.route(layer, T) //                ids, gates [T, k] from Wr a
    mixture.fromTokens(layer, this.gateUp) //      h [T, k, f] = act(Wg[e] a) * (Wu[e] a)
    mixture.fromItems(layer, this.down) //         y [T, k, d] = Wd[e] h
    this.shared?.run(layer, T) //                  y of the last slot, and its gate
  }
}

/** Reports what a shared expert, or a dense layer in its place, adds to each token. */
export function reportShared({ cache }: Workspace, layer: number, rowOf: (token: number) => Float32Array): void {
  for (const { first, count, taps } of cache.segments) taps.shared?.(layer, count, (token) => rowOf(first + token))
}

/** The shared expert: it writes the last slot of each token, and that slot's gate. */
class SharedExpert {
  private readonly mlp: GatedMlp
  /** Address of the list of rows that it writes, and what is in it. */
  private readonly list: number
  private listed = { slots: 0, tokens: 0 }
  /** Present if it has its own gate. */
  private readonly score?: { linear: Linear; weights: { gate: number }[]; scores: Rows }
  private readonly weight: number

  constructor(
    private readonly workspace: Workspace,
    private readonly mixture: ExpertMixture,
    private readonly y: Rows,
    { hasGate, weight = 1, ...options }: GatedOptions & SharedOptions,
  ) {
    this.weight = weight
    const { bank, maxTokens, a } = workspace
    const isIn = (layer: number) => mixture.isIn(layer)
    this.list = allocateList(bank, maxTokens)
    this.mlp = new GatedMlp(workspace, 'shared.', isIn, options, { y, list: this.list })
    if (hasGate) {
      const scores = workspace.rows(1, 1)
      const linear = new Linear(workspace, { format: 'f32', input: a, output: scores })
      this.score = { linear, weights: workspace.addresses({ gate: 'shared.gate' }, isIn), scores }
    }
  }

  run(layer: number, T: number): void {
    const slots = this.mixture.slots(layer)
    this.writeList(slots, T)
    this.mlp.run(layer, T)
    const { f32 } = this.workspace.bank
    if (!this.score) this.fillGates(slots, T, () => this.weight)
    else {
      const { linear, weights, scores } = this.score
      linear.run(T, weights[layer].gate)
      this.fillGates(slots, T, (t) => sigmoid(f32[scores.address / 4 + t * scores.stride]))
    }
    reportShared(this.workspace, layer, (t) => {
      const item = t * slots + slots - 1
      const gate = f32[this.mixture.gates / 4 + item]
      return this.y.row(item).map((value) => value * gate)
    })
  }

  /** Maps each token to its last slot. The list holds for all layers with the same number of slots. */
  private writeList(slots: number, tokens: number): void {
    const { list, listed, workspace } = this
    if (listed.slots === slots && listed.tokens >= tokens) return
    for (let t = 0; t < tokens; t++) writeListEntry(workspace.bank, list, t, t, t * slots + slots - 1)
    this.listed = { slots, tokens }
  }

  private fillGates(slots: number, tokens: number, gateOf: (token: number) => number): void {
    const { f32 } = this.workspace.bank
    const { gates } = this.mixture
    for (let t = 0; t < tokens; t++) f32[gates / 4 + t * slots + slots - 1] = gateOf(t)
  }
}
