import { type ModelConfig, outputsOf } from '../../model/config.js'
import { CrossEntropy } from '../../runtime/kernels/cross-entropy.js'
import { writeListEntry } from '../../runtime/kernels/matmul.js'
import { Rows } from '../../runtime/rows.js'
import { identityList } from '../expert-groups.js'
import { Linear } from '../linear.js'
import type { TrainingWorkspace } from './training-workspace.js'
import { TransposedLinear } from './transposed-linear.js'

/** Rows of logits that are in memory at once. */
const LOGIT_ROWS = 128

/** A token that is to be predicted from row `row` of the micro-batch. */
export interface Prediction {
  row: number
  target: number
}

/** The output head and the cross-entropy, forward and back. */
export class LanguageHead {
  private readonly logits: Rows
  private readonly crossEntropy: CrossEntropy
  private readonly head: Linear
  private readonly back: TransposedLinear
  /** From rows of a to rows of logits, and back. */
  private readonly list: number
  private readonly backList: number

  constructor(
    private readonly workspace: TrainingWorkspace,
    private readonly config: ModelConfig,
    private readonly weights: number,
  ) {
    const { bank, formats, a, da, maxTokens } = workspace
    const rows = Math.min(LOGIT_ROWS, maxTokens)
    const scale = config.logitScale
    this.logits = Rows.allocate(bank, rows, outputsOf(config))
    this.list = identityList(bank, rows)
    this.backList = identityList(bank, rows)
    this.crossEntropy = new CrossEntropy(bank, this.logits)
    this.head = new Linear(workspace, { format: formats.head, input: a, output: this.logits, scale }, this.list)
    this.back = new TransposedLinear(workspace, { format: formats.head, input: this.logits, output: da }, this.backList)
  }

  /** Sum of the cross-entropies of the predictions in nats, from the rows of a. */
  loss(predictions: readonly Prediction[]): number {
    return this.run(predictions)
  }

  /**
   * The same, and `da` takes the gradients of the sum times `weight`; of the first `tokens` rows those that nothing is
   * predicted from get zeros.
   */
  lossAndGradient(predictions: readonly Prediction[], tokens: number, weight: number): number {
    const { bank, da } = this.workspace
    bank.f32.fill(0, da.address / 4, da.address / 4 + tokens * da.stride)
    return this.run(predictions, weight * (this.config.logitScale ?? 1))
  }

  private run(predictions: readonly Prediction[], weight?: number): number {
    const { logits, crossEntropy, head, back, list, backList, weights } = this
    const { bank } = this.workspace
    let loss = 0
    for (let first = 0; first < predictions.length; first += logits.count) {
      const count = Math.min(logits.count, predictions.length - first)
      for (let i = 0; i < count; i++) {
        const { row, target } = predictions[first + i]
        writeListEntry(bank, list, i, row, i)
        writeListEntry(bank, backList, i, i, row)
        crossEntropy.expect(i, target, weight ?? 0)
      }
      head.run(count, weights) //                              logits [.., V] = head . a
      loss += crossEntropy.run(count, weight !== undefined) // dlogits = weight (softmax - onehot)
      if (weight !== undefined) back.run(count, weights) //    da = head^T dlogits
    }
    return loss
  }
}
