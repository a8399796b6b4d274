import type { Mixture } from '../../model/config.js'
import { ExpertGroups } from '../../nn/expert-groups.js'
import type { WeightFormat } from '../../packing/format/formats.js'
import { Matmul } from '../../runtime/kernels/matmul.js'
import { type ListedRows, OuterProducts } from '../../runtime/kernels/outer-products.js'
import { TransposedMatmul } from '../../runtime/kernels/transposed-matmul.js'
import type { ActivationName } from '../../runtime/memory/formats.js'
import type { Rows } from '../../runtime/memory/rows.js'
import { RouterTraining } from './router-training.js'
import type { TrainedLogits } from './trained-logits.js'
import type { TrainedSet } from './trained-set.js'
import { floatsOf, type TrainingWorkspace } from './training-workspace.js'

/** Which rows a product takes: of tokens or of items (a token and one of its k experts); it gives rows of items. */
type From = 'tokens' | 'items'

export interface ExpertMatrixShape {
  format: WeightFormat
  input: Rows
  output: Rows
  activation?: ActivationName
}

/** A product with one matrix of every chosen expert, run for the layer at hand. */
export interface ExpertRun {
  run(layer: number): void
}

/**
 * A mixture of experts in training: those of the model are frozen and packed, those that are trained have matrices of
 * floats. Routes a micro-batch, multiplies with both kinds, and goes the same way back. Item t * k + r is token t's
 * expert number r.
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

  /** What is trained in a layer. */
  setOf(layer: number): TrainedSet | undefined {
    return this.workspace.trained(layer, this.mixture.kind)
  }

  /** Chooses experts, whose weights are in memory afterwards. */
  route(layer: number, tokens: number): void {
    this.assign(layer, tokens, this.router.forward(layer, tokens, this.setOf(layer)))
  }

  /** The choice of the last `route` of that layer once more. */
  reroute(layer: number, tokens: number): void {
    this.assign(layer, tokens, this.router.recall(layer))
  }

  /** Back through the router: see RouterTraining. */
  routerBackward(layer: number, tokens: number, needsInput: boolean): void {
    this.router.backward(layer, tokens, needsInput, this.setOf(layer))
  }

  /** The product with the piece of that name. */
  product(piece: string, from: From, { format, input, output, activation }: ExpertMatrixShape): ExpertRun {
    const { bank, threads } = this.workspace
    const frozen = new Matmul(bank, { format, input, output, activation }, threads)
    const floats = { format: 'f32', input: floatsOf(input), output: floatsOf(output), activation } as const
    const trained = new Matmul(bank, floats, threads)
    const { groups } = this
    return {
      run: (layer) => {
        this.runBoth(layer, piece, from, {
          frozen: (count) => frozen.run(groups.table, count, groups.work),
          trained: (count) => trained.run(groups.table, count, groups.work),
        })
      },
    }
  }

  /** The product with its transpose. */
  transposed(piece: string, from: From, { format, input, output }: ExpertMatrixShape): ExpertRun {
    const { bank, threads, panels } = this.workspace
    const frozen = new TransposedMatmul(bank, { format, input, output, panels }, threads)
    const trained = new TransposedMatmul(bank, { format: 'f32', input, output, panels }, threads)
    const { groups } = this
    return {
      run: (layer) => {
        this.runBoth(layer, piece, from, {
          frozen: (count) => frozen.run(groups.table, count),
          trained: (count) => trained.run(groups.table, count),
        })
      },
    }
  }

  /** The gradients of the piece of the trained experts; rows are named by token ('input') or item ('output'). */
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

  /** Runs a product with the frozen experts among the chosen and one with the trained, where there are such. */
  private runBoth(
    layer: number,
    piece: string,
    from: From,
    run: Record<'frozen' | 'trained', (count: number) => void>,
  ) {
    const { groups, workspace, mixture } = this
    const { store } = workspace
    const set = this.setOf(layer)
    const offset = store.pieceOffset(mixture.kind, piece)
    const table = (address: (expert: number) => number) =>
      from === 'tokens' ? groups.fromTokens(address) : groups.fromItems(address)
    const frozen = table((expert) =>
      set?.ids.includes(expert) ? 0 : store.expert(layer, mixture.kind, expert) + offset,
    )
    if (frozen > 0) run.frozen(frozen)
    if (!set) return
    const trained = table((expert) => addressOf(set, expert, (index) => set.weights(index, piece)))
    if (trained > 0) run.trained(trained)
  }
}

/** What `of` gives for a trained expert, 0 for another. */
function addressOf({ ids }: TrainedSet, expert: number, of: (index: number) => number): number {
  const index = ids.indexOf(expert)
  return index < 0 ? 0 : of(index)
}
