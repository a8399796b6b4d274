import { Matmul } from '../../../kernels/calls/matmul.js'
import { type ListedRows, OuterProducts } from '../../../kernels/calls/outer-products.js'
import { TransposedMatmul } from '../../../kernels/calls/training/transposed-matmul.js'
import type { ActivationName } from '../../../kernels/memory/formats.js'
import type { Rows } from '../../../kernels/memory/rows.js'
import type { Mixture } from '../../../model/config/config.js'
import { ExpertGroups } from '../../../model/layers/expert-groups.js'
import type { WeightFormat } from '../../../model/packing/format/formats.js'
import { RouterTraining } from './router-training.js'
import type { TrainedLogits } from './trained-logits.js'
import { floatsOf, type TrainedSet, type TrainingWorkspace } from './training-workspace.js'

/** Input rows of a product: tokens, or items (a token and one of its k experts). Its output rows are items. */
type From = 'tokens' | 'items'

export interface ExpertMatrixShape {
  format: WeightFormat
  input: Rows
  output: Rows
  activation?: ActivationName
}

/** A product with one matrix of every chosen expert. */
export interface ExpertRun {
  run(layer: number): void
}

/**
 * A mixture of experts in training. The model's experts are frozen and packed; trained ones have float matrices. It
 * routes a micro-batch and multiplies with both kinds, forward and backward. Item t * k + r is expert number r of token
 * t.
 */
export class MixtureTraining {
  readonly k: number
  readonly router: RouterTraining
  private readonly groups: ExpertGroups
  private readonly frozen: Int32Array

  constructor(
    private readonly workspace: TrainingWorkspace,
    private readonly mixture: Mixture,
    logits: TrainedLogits,
  ) {
    const { bank, maxTokens } = workspace
    this.k = mixture.topK
    this.router = new RouterTraining(workspace, mixture, logits)
    const most = Math.max(...mixture.experts.map((count, layer) => count + (this.setOf(layer)?.newExperts ?? 0)))
    this.groups = new ExpertGroups(bank, most, maxTokens * this.k)
    this.frozen = new Int32Array(most)
  }

  setOf(layer: number): TrainedSet | undefined {
    return this.workspace.trained(layer, this.mixture.kind)
  }

  /** Chooses experts and makes sure that their weights are in memory. */
  route(layer: number, tokens: number): void {
    this.assign(layer, tokens, this.router.forward(layer, tokens, this.setOf(layer)))
  }

  /** Restores the choice of the layer's last `route`. */
  reroute(layer: number, tokens: number): void {
    this.assign(layer, tokens, this.router.recall(layer))
  }

  /** Runs the backward pass of the router: see RouterTraining. */
  routerBackward(layer: number, tokens: number, needsInput: boolean): void {
    this.router.backward(layer, tokens, needsInput, this.setOf(layer))
  }

  /** Binds the product with the piece of that name. */
  product(piece: string, from: From, { format, input, output, activation }: ExpertMatrixShape): ExpertRun {
    const { bank, threads } = this.workspace
    const frozen = new Matmul(bank, { format, input, output, activation }, threads)
    const floats = { format: 'f32', input: floatsOf(input), output: floatsOf(output), activation } as const
    const trained = new Matmul(bank, floats, threads)
    const { groups } = this
    return this.both(piece, from, {
      frozen: (count) => frozen.run(groups.table, count, groups.work),
      trained: (count) => trained.run(groups.table, count, groups.work),
    })
  }

  /** Binds the product with the transposed piece. */
  transposed(piece: string, from: From, { format, input, output }: ExpertMatrixShape): ExpertRun {
    const { bank, threads, panels } = this.workspace
    const frozen = new TransposedMatmul(bank, { format, input, output, panels }, threads)
    const trained = new TransposedMatmul(bank, { format: 'f32', input, output, panels }, threads)
    const { table } = this.groups
    return this.both(piece, from, {
      frozen: (count) => frozen.run(table, count),
      trained: (count) => trained.run(table, count),
    })
  }

  /** Binds the gradients of a piece of the trained experts. Rows are listed by token ('input') or item ('output'). */
  gradients(piece: string, outputs: ListedRows, inputs: ListedRows): ExpertRun {
    const products = new OuterProducts(this.workspace.bank, outputs, inputs, this.workspace.threads)
    const { groups } = this
    return {
      run: (layer) => {
        const set = this.setOf(layer)
        if (!set) return
        const count = groups.fromTokens((expert) => addressOf(set, expert, (index) => set.gradients(index, piece)))
        products.run(groups.table, count)
      },
    }
  }

  private assign(layer: number, tokens: number, ids: Int32Array): void {
    const { groups, mixture, workspace, frozen, k } = this
    const set = this.setOf(layer)
    groups.assign(ids, tokens, k, k, mixture.experts[layer] + (set?.newExperts ?? 0))
    let count = 0
    for (let i = 0; i < groups.count; i++) {
      const expert = groups.chosenExperts[i]
      if (!set?.ids.includes(expert)) frozen[count++] = expert
    }
    workspace.store.require(layer, mixture.kind, frozen, count)
  }

  /** A product with the frozen experts among the chosen, then one with the trained ones. */
  private both(piece: string, from: From, products: Record<'frozen' | 'trained', (count: number) => void>): ExpertRun {
    const { groups, workspace, mixture } = this
    const { store } = workspace
    const places = store.expertPlaces(mixture.kind, piece)
    const table = (address: (expert: number) => number) =>
      from === 'tokens' ? groups.fromTokens(address) : groups.fromItems(address)
    const run = (layer: number) => {
      const set = this.setOf(layer)
      const frozen = table((expert) =>
        set?.ids.includes(expert) ? 0 : store.expert(layer, mixture.kind, expert) + places[layer][expert],
      )
      if (frozen > 0) products.frozen(frozen)
      if (!set) return
      const trained = table((expert) => addressOf(set, expert, (index) => set.weights(index, piece)))
      if (trained > 0) products.trained(trained)
    }
    return { run }
  }
}

/** Returns `of` of a trained expert's index, 0 for other experts. */
function addressOf({ ids }: TrainedSet, expert: number, of: (index: number) => number): number {
  const index = ids.indexOf(expert)
  return index < 0 ? 0 : of(index)
}
