import { Linear } from '../../nn/linear.js'
import type { WeightFormat } from '../../packing/format/formats.js'
import type { Rows } from '../../runtime/memory/rows.js'
import type { TrainingWorkspace } from './training-workspace.js'
import { TransposedLinear } from './transposed-linear.js'

export interface LinearTrainingShape {
  format: WeightFormat
  input: Rows
  output: Rows
  dOutput: Rows
  /** Gradients of the input; the result is added. */
  dInput: Rows
}

/**
 * A frozen matrix with a bias that every token goes through, forward and backward: pieces `NAME.weight` and
 * `NAME.bias`.
 */
export class LinearTraining {
  private readonly linear: Linear
  private readonly transposed: TransposedLinear
  private readonly weights: number[]
  private readonly biases: number[]

  constructor(
    workspace: TrainingWorkspace,
    name: string,
    { format, input, output, dOutput, dInput }: LinearTrainingShape,
  ) {
    this.linear = new Linear(workspace, { format, input, output })
    this.transposed = new TransposedLinear(workspace, { format, input: dOutput, output: dInput, adds: true })
    this.weights = workspace.perLayer((layer) => workspace.at(layer, `${name}.weight`))
    this.biases = workspace.perLayer((layer) => workspace.at(layer, `${name}.bias`))
  }

  forward(layer: number, tokens: number): void {
    this.linear.run(tokens, this.weights[layer], this.biases[layer])
  }

  backward(layer: number, tokens: number): void {
    this.transposed.run(tokens, this.weights[layer])
  }
}
