import { allocateGroups, writeGroup } from '../../../kernels/calls/groups.js'
import { OuterProducts } from '../../../kernels/calls/outer-products.js'
import { GateBackward } from '../../../kernels/calls/training/gate-backward.js'
import type { ActivationName } from '../../../kernels/memory/formats.js'
import type { Rows } from '../../../kernels/memory/rows.js'
import { type Mixture, routerRows } from '../../../model/config/config.js'
import { Linear } from '../../../model/layers/linear.js'
import type { TrainedSet, TrainingWorkspace } from './training-workspace.js'
import { TransposedLinear } from './transposed-linear.js'

/**
 * Scores of a layer's experts, forward and backward. The last matrix of the router is split: the model's rows are
 * frozen, the rows of trained experts are not. Both read the same features of a.
 */
export abstract class TrainedLogits {
  /** Scores by the model's rows [T, rows]; the backward pass puts their gradients here. */
  readonly frozen: Rows
  /** Scores of the trained experts [T, trained]; the backward pass puts their gradients here. */
  readonly trained: Rows
  private readonly score: Linear
  private readonly scoreTrained: Linear
  private readonly back: TransposedLinear
  private readonly backTrained: TransposedLinear
  private readonly gradients: OuterProducts
  private readonly table: number
  private readonly weights: number[]

  /** `piece` scores the experts by `features` [T, C]; `dFeatures` receive the gradients of these. */
  constructor(
    protected readonly workspace: TrainingWorkspace,
    protected readonly mixture: Mixture,
    mostTrained: number,
    piece: 'logits.weight' | 'centroids',
    protected readonly features: Rows,
    protected readonly dFeatures: Rows,
  ) {
    const { bank, threads } = workspace
    const rows = mixture.experts.map((_, layer) => routerRows(mixture, layer))
    this.frozen = workspace.rows(1, Math.max(...rows))
    this.trained = workspace.rows(1, Math.max(mostTrained, 1))
    const product = { format: 'f32', input: features } as const
    this.score = new Linear(workspace, { ...product, output: this.frozen })
    this.scoreTrained = new Linear(workspace, { ...product, output: this.trained })
    const transposed = { format: 'f32', output: dFeatures } as const
    this.back = new TransposedLinear(workspace, { ...transposed, input: this.frozen })
    this.backTrained = new TransposedLinear(workspace, { ...transposed, input: this.trained, adds: true })
    this.gradients = new OuterProducts(
      bank,
      { rows: this.trained, by: 'input' },
      { rows: features, by: 'input' },
      threads,
    )
    this.table = allocateGroups(bank, 1)
    this.weights = this.pieces(piece)
  }

  forward(layer: number, tokens: number, set?: TrainedSet): void {
    this.prepare(layer, tokens)
    this.score.run(tokens, this.weights[layer])
    if (set) this.scoreTrained.run(tokens, set.router.weights)
    this.finish(layer, tokens, set)
  }

  /**
   * Adds the gradients of the trained rows, from the gradients of the scores, which replace the scores. With
   * `needsInput` it also computes da. The features are computed again from a.
   */
  backward(layer: number, tokens: number, needsInput: boolean, set?: TrainedSet): void {
    this.prepare(layer, tokens)
    this.undoFinish(layer, tokens, set)
    if (set) {
      const { bank, everyRow } = this.workspace
      writeGroup(bank, this.table, 0, set.router.gradients, 0, everyRow, tokens)
      this.gradients.run(this.table, 1)
      this.finishGradients(set)
    }
    if (!needsInput) return
    this.back.run(tokens, this.weights[layer])
    if (set) this.backTrained.run(tokens, set.router.weights)
    this.backToInput(layer, tokens)
  }

  /** Computes the features from a. */
  protected prepare(_layer: number, _tokens: number): void {}

  /** Transforms the scores after their products. */
  protected finish(_layer: number, _tokens: number, _set?: TrainedSet): void {}

  /** Transforms the gradients back accordingly. */
  protected undoFinish(_layer: number, _tokens: number, _set?: TrainedSet): void {}

  /** Completes the gradients of the trained rows. */
  protected finishGradients(_set: TrainedSet): void {}

  /** Computes da from the gradients of the features. */
  protected backToInput(_layer: number, _tokens: number): void {}

  /** Addresses of a router's piece by layer; 0 for layers without experts. */
  protected pieces(piece: string): number[] {
    const { kind, experts } = this.mixture
    const { workspace } = this
    return workspace.perLayer((layer) => (experts[layer] > 0 ? workspace.at(layer, `${kind}.router.${piece}`) : 0))
  }
}

/** One matrix: logits = W a. */
export class TrainedLinearLogits extends TrainedLogits {
  constructor(workspace: TrainingWorkspace, mixture: Mixture, mostTrained: number) {
    super(workspace, mixture, mostTrained, 'logits.weight', workspace.a, workspace.da)
  }
}

/** Two layers: logits = W2 gelu(W1 a + b). */
export class TrainedMlpLogits extends TrainedLogits {
  private readonly first: Linear
  private readonly before: Linear
  private readonly z: Rows
  private readonly gelu: GateBackward
  private readonly backFirst: TransposedLinear
  private readonly hidden = this.pieces('hidden.weight')
  private readonly bias = this.pieces('hidden.bias')

  constructor(workspace: TrainingWorkspace, mixture: Mixture, mostTrained: number, width: number) {
    const features = workspace.rows(1, width)
    const dFeatures = workspace.rows(1, width)
    super(workspace, mixture, mostTrained, 'logits.weight', features, dFeatures)
    const { bank, threads, formats, a, da } = workspace
    const product = { format: formats.router, input: a }
    const activation: ActivationName = 'gelu'
    this.z = workspace.rows(1, width)
    this.first = new Linear(workspace, { ...product, output: features, activation })
    this.before = new Linear(workspace, { ...product, output: this.z })
    this.gelu = new GateBackward(bank, { z: this.z, u: dFeatures, activation }, threads)
    this.backFirst = new TransposedLinear(workspace, { format: formats.router, input: dFeatures, output: da })
  }

  protected override prepare(layer: number, tokens: number): void {
    this.first.run(tokens, this.hidden[layer], this.bias[layer]) //  h = gelu(W1 a + b)
  }

  protected override backToInput(layer: number, tokens: number): void {
    this.before.run(tokens, this.hidden[layer], this.bias[layer]) // z = W1 a + b
    this.gelu.run(tokens) //                                         dz = dh gelu'(z)
    this.backFirst.run(tokens, this.hidden[layer]) //                da = W1^T dz
  }
}
