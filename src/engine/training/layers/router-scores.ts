import { type Mixture, routerRows } from '../../../model/config/config.js'
import type { TrainedLogits } from './trained-logits.js'
import type { TrainedSet, TrainingWorkspace } from './training-workspace.js'

/** Place of a score in the rows of TrainedLogits. */
interface Column {
  isTrained: boolean
  column: number
  bias: number
}

/**
 * Biased scores of a mixture's router, in the order of p: the layer's experts, new experts, silent rows. The scores of
 * trained and of frozen rows come from different matrices.
 */
export class RouterScores {
  /** Index of each layer's first bias among the floats of the bank; 0 if the router has no biases. */
  private readonly biases: number[]

  constructor(
    private readonly workspace: TrainingWorkspace,
    private readonly mixture: Mixture,
    private readonly logits: TrainedLogits,
  ) {
    const { config } = workspace
    this.biases = workspace.perLayer((layer) =>
      config.gateBias && mixture.experts[layer] > 0 ? workspace.at(layer, `${mixture.kind}.router.bias`) / 4 : 0,
    )
  }

  /** Reads the scores [T, entries of p]. */
  read(layer: number, tokens: number, set?: TrainedSet): Float64Array {
    const columns = this.columns(layer, set)
    const scores = new Float64Array(tokens * columns.length)
    for (let t = 0; t < tokens; t++) {
      const [frozen, trained] = [this.logits.frozen.row(t), this.logits.trained.row(t)]
      for (const [e, { isTrained, column, bias }] of columns.entries()) {
        scores[t * columns.length + e] = (isTrained ? trained : frozen)[column] + bias
      }
    }
    return scores
  }

  /** Writes gradients [T, entries of p] in place of the scores; the frozen rows of trained experts get 0. */
  write(layer: number, tokens: number, gradients: Float64Array, set?: TrainedSet): void {
    const columns = this.columns(layer, set)
    for (let t = 0; t < tokens; t++) {
      const [frozen, trained] = [this.logits.frozen.row(t), this.logits.trained.row(t)]
      frozen.fill(0)
      for (const [e, { isTrained, column }] of columns.entries()) {
        const rows = isTrained ? trained : frozen
        rows[column] = gradients[t * columns.length + e]
      }
    }
  }

  private columns(layer: number, { ids, newExperts }: Pick<TrainedSet, 'ids' | 'newExperts'> = NONE): Column[] {
    const { f32 } = this.workspace.bank
    const experts = this.mixture.experts[layer]
    const first = this.biases[layer]
    const biasOf = (row: number) => (first === 0 ? 0 : f32[first + row])
    const ofModel = (row: number): Column => ({ isTrained: false, column: row, bias: biasOf(row) })
    const own = range(0, experts).map((id): Column => {
      const index = ids.indexOf(id)
      return index < 0 ? ofModel(id) : { isTrained: true, column: index, bias: biasOf(id) }
    })
    const bias = this.workspace.pass.newExpertBias?.[layer] ?? 0
    const added = range(ids.length - newExperts, ids.length).map((column) => ({ isTrained: true, column, bias }))
    const silent = range(experts, routerRows(this.mixture, layer)).map(ofModel)
    return [...own, ...added, ...silent]
  }
}

const NONE = { ids: [], newExperts: 0 }

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i)
}
