import { exp } from '../../../ground/elementary.js'
import { withoutFormat } from '../../../kernels/memory/formats.js'
import type { Rows } from '../../../kernels/memory/rows.js'
import { tileFloat } from '../../../kernels/memory/tile-floats.js'
import { type Mixture, routerRows } from '../../../model/config/config.js'
import { Linear } from '../../../model/layers/linear.js'
import { TrainedLogits } from './trained-logits.js'
import type { TrainedSet, TrainingWorkspace } from './training-workspace.js'
import { TransposedLinear } from './transposed-linear.js'

/** Least length, as in the forward pass. */
const LEAST = 1e-12

/**
 * Cosines between z = P a and the experts' centroids c, times e^temperature. With n = z / |z| and s = e^temperature /
 * |c|, logit = s (n . c). The features are n.
 *
 * Backward: dn = sum of s dlogit c;  dz = (dn - n (n . dn)) / |z|;  dc = G - c (c . G) / |c|^2 with G = sum of s dlogit
 * n.
 */
export class TrainedCosineLogits extends TrainedLogits {
  private readonly project: Linear
  private readonly backProject: TransposedLinear
  private readonly projection = this.pieces('projection.weight')
  private readonly temperature: number[]
  /** s of the model's rows, by layer. */
  private readonly scales: Float64Array[]
  /** |z| of each token. */
  private readonly lengths: Float64Array

  constructor(
    workspace: TrainingWorkspace,
    mixture: Mixture,
    mostTrained: number,
    private readonly width: number,
  ) {
    const features = workspace.rows(1, width)
    const dFeatures = workspace.rows(1, width)
    super(workspace, mixture, mostTrained, 'centroids', features, dFeatures)
    const { formats, a, da, maxTokens, bank } = workspace
    this.project = new Linear(workspace, { format: formats.router, input: a, output: features })
    this.backProject = new TransposedLinear(workspace, { format: formats.router, input: dFeatures, output: da })
    const centroids = this.pieces('centroids')
    this.temperature = this.pieces('temperature').map((address) => exp(bank.f32[address / 4]))
    this.scales = workspace.perLayer((layer) =>
      this.scalesOf(layer, withoutFormat(centroids[layer]), routerRows(mixture, layer)),
    )
    this.lengths = new Float64Array(maxTokens)
  }

  protected override prepare(layer: number, tokens: number): void {
    this.project.run(tokens, this.projection[layer]) // z = P a
    for (let t = 0; t < tokens; t++) {
      const z = this.features.row(t)
      const length = Math.max(Math.sqrt(dot(z, z)), LEAST)
      this.lengths[t] = length
      for (let i = 0; i < z.length; i++) z[i] /= length
    }
  }

  protected override finish(layer: number, tokens: number, set?: TrainedSet): void {
    this.scale(this.frozen, tokens, this.scales[layer])
    if (set) this.scale(this.trained, tokens, this.scalesOf(layer, set.router.weights, set.ids.length))
  }

  /** Scales dlogit to s dlogit. */
  protected override undoFinish(layer: number, tokens: number, set?: TrainedSet): void {
    this.finish(layer, tokens, set)
  }

  /**
   * Removes the component along the centroid from each row's gradient. This is idempotent, so that G may hold sums of
   * earlier micro-batches.
   */
  protected override finishGradients({ ids, router }: TrainedSet): void {
    const { f32 } = this.workspace.bank
    const { width } = this
    for (let row = 0; row < ids.length; row++) {
      const place = (address: number, c: number) => tileFloat(address, width, row, c)
      let along = 0
      let square = 0
      for (let c = 0; c < width; c++) {
        const weight = f32[place(router.weights, c)]
        along += weight * f32[place(router.gradients, c)]
        square += weight * weight
      }
      const factor = along / Math.max(square, LEAST * LEAST)
      for (let c = 0; c < width; c++) f32[place(router.gradients, c)] -= factor * f32[place(router.weights, c)]
    }
  }

  protected override backToInput(layer: number, tokens: number): void {
    for (let t = 0; t < tokens; t++) {
      const n = this.features.row(t)
      const d = this.dFeatures.row(t)
      const along = dot(n, d)
      for (let i = 0; i < d.length; i++) d[i] = (d[i] - along * n[i]) / this.lengths[t]
    }
    this.backProject.run(tokens, this.projection[layer]) // da = P^T dz
  }

  private scale(rows: Rows, tokens: number, scales: Float64Array): void {
    for (let t = 0; t < tokens; t++) {
      const row = rows.row(t)
      for (let e = 0; e < scales.length; e++) row[e] *= scales[e]
    }
  }

  /** e^temperature / |c| of the rows of a matrix of centroids. */
  private scalesOf(layer: number, tiles: number, rows: number): Float64Array {
    const { f32 } = this.workspace.bank
    return Float64Array.from({ length: rows }, (_, row) => {
      let square = 0
      for (let c = 0; c < this.width; c++) square += f32[tileFloat(tiles, this.width, row, c)] ** 2
      return this.temperature[layer] / Math.max(Math.sqrt(square), LEAST)
    })
  }
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i]
  return sum
}
