import { writeListEntry } from '../../../kernels/calls/groups.js'
import { CrossEntropy } from '../../../kernels/calls/training/cross-entropy.js'
import { Rows } from '../../../kernels/memory/rows.js'
import { type ModelConfig, outputsOf } from '../../../model/config/config.js'
import { identityList } from '../../../model/layers/expert-groups.js'
import { Linear } from '../../../model/layers/linear.js'
import type { TrainingWorkspace } from './training-workspace.js'
import { TransposedLinear } from './transposed-linear.js'

/** Rows of logits held in memory at once. */
const LOGIT_ROWS = 128

/** A prediction from row `row` of the micro-batch. */
export interface Prediction {
  row: number
  target: number
  /** Whether the target is the original model's distribution, not the token `target`. */
  isDistilled?: boolean
}

/** Sums over predictions, in nats. */
export interface HeadLoss {
  crossEntropy: number
  /** Sum of Kullback-Leibler divergences from the original model to the trained one. */
  divergence: number
}

/**
 * The output head, forward and backward. The loss of a prediction is the cross-entropy of its target or, if it is
 * distilled, the divergence from the original model's prediction.
 */
export class LanguageHead {
  private readonly logits: Rows
  /** Final normalised rows of the original model. */
  private readonly original: Rows
  private readonly crossEntropy: CrossEntropy
  private readonly head: Linear
  private readonly originalHead: Linear
  private readonly back: TransposedLinear
  /** Lists that map rows of a to rows of logits, and back. */
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
    this.original = workspace.rows(1, config.width, { records: true })
    const product = { format: formats.head, output: this.logits, scale }
    this.head = new Linear(workspace, { ...product, input: a }, this.list)
    this.originalHead = new Linear(workspace, { ...product, input: this.original }, this.list)
    this.back = new TransposedLinear(workspace, { format: formats.head, input: this.logits, output: da }, this.backList)
  }

  /** Keeps the rows of a after a pass of the original model: the targets of distilled predictions. */
  keepOriginal(tokens: number): void {
    const { a, bank } = this.workspace
    const { original } = this
    bank.u8.copyWithin(original.address, a.address, a.address + tokens * a.strideBytes)
    bank.u8.copyWithin(original.records, a.records, a.records + tokens * a.recordBytes)
  }

  /**
   * Sums the losses and sets the first `tokens` rows of `da` to the gradients of the sums times `weight`. Rows without
   * a prediction get zeros.
   */
  lossAndGradient(predictions: readonly Prediction[], tokens: number, weight: number): HeadLoss {
    const { bank, da } = this.workspace
    bank.f32.fill(0, da.address / 4, da.address / 4 + tokens * da.stride)
    return this.loss(predictions, weight * (this.config.logitScale ?? 1))
  }

  /** Sums the losses of the predictions, from the rows of a. Given `weight`, da gets the gradients. */
  loss(predictions: readonly Prediction[], weight?: number): HeadLoss {
    const sums: HeadLoss = { crossEntropy: 0, divergence: 0 }
    const distilled = predictions.filter(({ isDistilled }) => isDistilled)
    const others = predictions.filter(({ isDistilled }) => !isDistilled)
    for (const chunk of this.chunks(others, weight)) sums.crossEntropy += this.crossEntropyOf(chunk, weight)
    for (const chunk of this.chunks(distilled, weight)) sums.divergence += this.divergenceOf(chunk, weight)
    return sums
  }

  /** Chunks as large as the rows of logits. The loss of a chunk must leave its gradients there. */
  private *chunks(predictions: readonly Prediction[], weight?: number): Generator<readonly Prediction[]> {
    const { logits, back, list, backList, weights, workspace } = this
    for (let first = 0; first < predictions.length; first += logits.count) {
      const chunk = predictions.slice(first, first + logits.count)
      for (const [i, { row }] of chunk.entries()) {
        writeListEntry(workspace.bank, list, i, row, i)
        writeListEntry(workspace.bank, backList, i, i, row)
      }
      yield chunk
      if (weight !== undefined) back.run(chunk.length, weights) // da = head^T dlogits
    }
  }

  private crossEntropyOf(chunk: readonly Prediction[], weight?: number): number {
    const { crossEntropy, head, weights } = this
    for (const [i, { target }] of chunk.entries()) crossEntropy.expect(i, target, weight ?? 0)
    head.run(chunk.length, weights) //                                   logits [.., V] = head . a
    return crossEntropy.run(chunk.length, weight !== undefined) //        dlogits = weight (softmax - onehot)
  }

  /**
   * Divergence with p and z, probabilities and logits of the original model, and z', logits of the trained one: sum of
   * p (z - z') + log sum e^z' - log sum e^z.
   */
  private divergenceOf(chunk: readonly Prediction[], weight?: number): number {
    const { crossEntropy, head, originalHead, weights, logits } = this
    const rows = chunk.length
    const expectFirst = (factor: number) => {
      for (let i = 0; i < rows; i++) crossEntropy.expect(i, 0, factor)
    }
    originalHead.run(rows, weights)
    const before = chunk.map((_, i) => logits.row(i).slice())
    expectFirst(1)
    let divergence = -crossEntropy.run(rows, true)
    const p = chunk.map((_, i) => logits.row(i).slice())
    head.run(rows, weights)
    for (const [i, of] of p.entries()) {
      const [z, now] = [before[i], logits.row(i)]
      of[0] += 1
      for (let e = 0; e < of.length; e++) divergence += of[e] * (z[e] - now[e])
      // The cross-entropies of token 0 contain its logits; this takes them out.
      divergence += now[0] - z[0]
    }
    expectFirst(weight ?? 0)
    divergence += crossEntropy.run(rows, weight !== undefined)
    for (let i = 0; weight !== undefined && i < rows; i++) {
      const gradient = logits.row(i)
      gradient[0] += weight
      for (let e = 0; e < gradient.length; e++) gradient[e] -= weight * p[i][e] //  weight (softmax - p)
    }
    return divergence
  }
}
