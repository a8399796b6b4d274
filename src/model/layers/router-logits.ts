import { exp } from '../../ground/elementary.js'
import { withoutFormat } from '../../kernels/memory/formats.js'
import type { Rows } from '../../kernels/memory/rows.js'
import { tileFloat } from '../../kernels/memory/tile-floats.js'
import { type Mixture, routerRows } from '../config/config.js'
import { Linear } from './linear.js'
import type { Workspace } from './workspace.js'

/** Scores all experts of a layer for every token. */
export interface RouterLogits {
  /** [T, E], with E of the layer that has most. */
  readonly logits: Rows
  run(layer: number, tokens: number): void
}

function mostRows(mixture: Mixture): number {
  return mixture.experts.reduce((most, _, layer) => Math.max(most, routerRows(mixture, layer)), 0)
}

/** One matrix: logits = W input, with a cap if the rule has one. The matrix that scores the experts is f32 in every packing. */
export class LinearLogits implements RouterLogits {
  readonly logits: Rows
  private readonly linear: Linear
  private readonly weights: number[]

  /** `input` are rows [T, d]. Default: the normalised residual stream. */
  constructor(workspace: Workspace, mixture: Mixture, input: Rows = workspace.a) {
    this.logits = workspace.rows(1, mostRows(mixture))
    const { cap } = mixture.routing ?? {}
    const capped = cap && ({ scale: 1 / cap, activation: 'tanh', activatedScale: cap } as const)
    this.linear = new Linear(workspace, { format: 'f32', input, output: this.logits, ...capped })
    this.weights = weightsOf(workspace, mixture, 'logits.weight')
  }

  run(layer: number, tokens: number): void {
    this.linear.run(tokens, this.weights[layer])
  }
}

/** Two layers: logits = W2 gelu(W1 a + b). */
export class MlpLogits implements RouterLogits {
  readonly logits: Rows
  private readonly first: Linear
  private readonly second: Linear
  private readonly hidden: number[]
  private readonly bias: number[]
  private readonly weights: number[]

  constructor(workspace: Workspace, mixture: Mixture, width: number) {
    const hidden = workspace.rows(1, width)
    const { formats, a } = workspace
    this.logits = workspace.rows(1, mostRows(mixture))
    this.first = new Linear(workspace, { format: formats.router, input: a, output: hidden, activation: 'gelu' })
    this.second = new Linear(workspace, { format: 'f32', input: hidden, output: this.logits })
    this.hidden = weightsOf(workspace, mixture, 'hidden.weight')
    this.bias = weightsOf(workspace, mixture, 'hidden.bias')
    this.weights = weightsOf(workspace, mixture, 'logits.weight')
  }

  run(layer: number, tokens: number): void {
    this.first.run(tokens, this.hidden[layer], this.bias[layer])
    this.second.run(tokens, this.weights[layer])
  }
}

/** Cosines between a projection of a and the experts' centroids, times e^temperature. */
export class CosineLogits implements RouterLogits {
  readonly logits: Rows
  private readonly z: Rows
  private readonly project: Linear
  private readonly compare: Linear
  private readonly projection: number[]
  private readonly centroids: number[]
  /** e^temperature / |centroid| of each expert, by layer. */
  private readonly scale: Float64Array[]

  constructor(workspace: Workspace, mixture: Mixture, width: number) {
    this.z = workspace.rows(1, width)
    this.logits = workspace.rows(1, mostRows(mixture))
    this.project = new Linear(workspace, { format: workspace.formats.router, input: workspace.a, output: this.z })
    this.compare = new Linear(workspace, { format: 'f32', input: this.z, output: this.logits })
    this.projection = weightsOf(workspace, mixture, 'projection.weight')
    this.centroids = weightsOf(workspace, mixture, 'centroids')
    const temperature = weightsOf(workspace, mixture, 'temperature')
    this.scale = workspace.perLayer((layer) => {
      const { f32 } = workspace.bank
      const rows = routerRows(mixture, layer)
      const factor = exp(f32[temperature[layer] / 4])
      return centroidScales(f32, withoutFormat(this.centroids[layer]), rows, width, factor)
    })
  }

  run(layer: number, tokens: number): void {
    this.project.run(tokens, this.projection[layer])
    this.compare.run(tokens, this.centroids[layer])
    const scale = this.scale[layer]
    for (let t = 0; t < tokens; t++) {
      const z = this.z.row(t)
      let square = 0
      for (let i = 0; i < z.length; i++) square += z[i] * z[i]
      const inverse = 1 / Math.max(Math.sqrt(square), 1e-12)
      const logits = this.logits.row(t)
      for (let e = 0; e < scale.length; e++) logits[e] *= inverse * scale[e]
    }
  }
}

/** factor / max(|centroid|, 1e-12) of each router row. `address` is the matrix in f32. */
function centroidScales(f32: Float32Array, address: number, rows: number, size: number, factor: number): Float64Array {
  return Float64Array.from({ length: rows }, (_, e) => {
    let square = 0
    for (let c = 0; c < size; c++) square += f32[tileFloat(address, size, e, c)] ** 2
    return factor / Math.max(Math.sqrt(square), 1e-12)
  })
}

/** Addresses of a router's piece by layer; 0 for layers without experts. */
function weightsOf(workspace: Workspace, { kind, experts }: Mixture, piece: string): number[] {
  return workspace.perLayer((layer) => (experts[layer] > 0 ? workspace.at(layer, `${kind}.router.${piece}`) : 0))
}
