import { Norm } from '../../../kernels/calls/norm.js'
import { GateBackward } from '../../../kernels/calls/training/gate-backward.js'
import { StickTraining } from '../../../kernels/calls/training/stick-training.js'
import type { Rows } from '../../../kernels/memory/rows.js'
import type { ModuleFormerConfig } from '../../../model/families/moduleformer/moduleformer-config.js'
import { Linear } from '../../../model/layers/linear.js'
import { ENOUGH } from '../../../model/layers/mixers/stick-breaking-attention.js'
import type { WeightFormat } from '../../../model/packing/format/formats.js'
import type { ExpertRun, MixtureTraining } from '../layers/mixture-training.js'
import type { TrainingWorkspace } from '../layers/training-workspace.js'
import { TransposedLinear } from '../layers/transposed-linear.js'
import { mixtureOf } from './moduleformer-mixtures.js'

/** The mixture of attention experts, forward and backward. Keys and values are floats whatever the packed format. */
export class AttentionTraining {
  readonly mixture: MixtureTraining
  private readonly query: ExpertRun
  /** Projections of keys and values; empty if both are a. */
  private readonly projections: readonly LinearTraining[]
  private readonly stick: StickTraining
  private readonly output: ExpertRun
  private readonly outputBackward: ExpertRun
  private readonly gateBackward: GateBackward
  private readonly outputGradients: ExpertRun
  private readonly queryGradients: ExpertRun
  private readonly queryBackward: ExpertRun
  private readonly addQueries: Norm
  /** Adds the gradients of keys and values if both are a. */
  private readonly addKeys?: Norm

  /** `y` [T, k, d] receives the experts' outputs, and in the backward pass the gradients of their inputs. */
  constructor(
    config: ModuleFormerConfig,
    private readonly workspace: TrainingWorkspace,
    y: Rows,
  ) {
    const { bank, threads, a, da, dx, maxSequence } = workspace
    const { attentionHidden: A, heads, sharedKeyValue } = config
    const format = workspace.formats.attention
    const mixture = mixtureOf(config, workspace, 'attention')
    const { k, router } = mixture
    const q = workspace.rows(k, A) //                                       [T, k, A]
    const o = workspace.rows(k, A, { records: format !== 'f32' }) //        [T, k, A]
    const dOutputs = workspace.rows(k, A) //                                [T, k, A]
    const dq = workspace.rows(k, A) //                                      [T, k, A]
    const keys = sharedKeyValue ? a : workspace.rows(1, A) //               [T, A]
    const values = sharedKeyValue ? a : workspace.rows(1, A) //             [T, A]
    const dKeys = workspace.rows(1, A) //                                   [T, A]
    const dValues = sharedKeyValue ? dKeys : workspace.rows(1, A) //        [T, A]
    this.mixture = mixture

    this.query = mixture.product('query', 'tokens', { format, input: a, output: q })
    this.projections = sharedKeyValue
      ? []
      : [
          new LinearTraining(workspace, 'key', { format, input: a, output: keys, dOutput: dKeys, dInput: da }),
          new LinearTraining(workspace, 'value', { format, input: a, output: values, dOutput: dValues, dInput: da }),
        ]
    const buffers = { q, o, dOutputs, dq, keys, values, dKeys, dValues }
    this.stick = new StickTraining(bank, { ...buffers, heads, k, enough: ENOUGH, maxSequence }, threads)
    this.output = mixture.product('output', 'items', { format, input: o, output: y })

    this.outputBackward = mixture.transposed('output', 'tokens', { format, input: dx, output: dOutputs })
    const { gates, gateGradients } = router
    this.gateBackward = new GateBackward(bank, { z: o, u: dOutputs, gates, gateGradients }, threads)
    this.outputGradients = mixture.gradients('output', { rows: dx, by: 'input' }, { rows: o, by: 'output' })
    this.queryGradients = mixture.gradients('query', { rows: dq, by: 'output' }, { rows: a, by: 'input' })
    this.queryBackward = mixture.transposed('query', 'items', { format, input: dq, output: y })
    this.addQueries = new Norm(bank, { x: da, add: { y, perToken: k }, output: a }, threads)
    if (sharedKeyValue) this.addKeys = new Norm(bank, { x: da, add: { y: dKeys, perToken: 1 }, output: a }, threads)
  }

  /** Computes y from a; the caller weighs it by the gates. */
  forward(l: number, T: number): void {
    this.mixture.route(l, T) //           ids, gates [T, k]
    this.project(l, T) //                 q [T, k, A];  K, V [T, A]
    for (const { first, tokens } of this.workspace.sequences) this.stick.forward(first, tokens) // o [T, k, A]
    this.output.run(l) //                 y [T, k, d] = o Wo[e]
  }

  /** Adds the gradients of trained experts, from a and dx. With `needsInput` it also computes da. */
  backward(l: number, T: number, needsInput: boolean): void {
    const { k } = this.mixture
    this.mixture.reroute(l, T)
    this.project(l, T) //                 q [T, k, A];  K, V [T, A]
    this.outputBackward.run(l) //         u = Wo[e]^T dx
    for (const { first, tokens } of this.workspace.sequences) {
      this.stick.forward(first, tokens) // o [T, k, A]
      this.gateBackward.run(tokens * k, first * k) // dp = u . o;  do = p u;  o = p o
      this.stick.backward(first, tokens) // dq, dK, dV
    }
    this.outputGradients.run(l) //        dWo += dx o^T
    this.queryGradients.run(l) //         dWq += dq a^T
    this.mixture.routerBackward(l, T, needsInput) // da = back through the router;  its rows
    if (!needsInput) return
    this.queryBackward.run(l) //          y [T, k, d] = Wq[e]^T dq
    this.addQueries.run(T) //             da += sum of y
    this.addKeys?.run(T) //               da += dK + dV
    for (const projection of this.projections) projection.backward(l, T) // da += Wk^T dK + Wv^T dV
  }

  private project(l: number, T: number): void {
    this.query.run(l) //                  q [T, k, A] = a Wq[e]
    for (const projection of this.projections) projection.forward(l, T) // K, V [T, A]
  }
}

interface LinearTrainingShape {
  format: WeightFormat
  input: Rows
  output: Rows
  dOutput: Rows
  /** Gradients of the input; the result is added. */
  dInput: Rows
}

/** A frozen matrix with a bias, forward and backward: pieces `NAME.weight` and `NAME.bias`. */
class LinearTraining {
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
