import { Norm } from '../../../kernels/calls/norm.js'
import { GateBackward } from '../../../kernels/calls/training/gate-backward.js'
import type { Rows } from '../../../kernels/memory/rows.js'
import type { ModuleFormerConfig } from '../../../model/families/moduleformer/moduleformer-config.js'
import type { ExpertRun, MixtureTraining } from '../layers/mixture-training.js'
import type { TrainingWorkspace } from '../layers/training-workspace.js'
import { mixtureOf } from './moduleformer-mixtures.js'

/** The mixture of MLP experts, forward and backward. */
export class MlpTraining {
  readonly mixture: MixtureTraining
  private readonly input: ExpertRun
  private readonly output: ExpertRun
  private readonly preActivation: ExpertRun
  private readonly outputBackward: ExpertRun
  private readonly gateBackward: GateBackward
  private readonly inputBackward: ExpertRun
  private readonly outputGradients: ExpertRun
  private readonly inputGradients: ExpertRun
  private readonly addInputs: Norm

  /** `y` [T, k, d] receives the experts' outputs, and in the backward pass the gradients of their inputs. */
  constructor(config: ModuleFormerConfig, workspace: TrainingWorkspace, y: Rows) {
    const { bank, threads, a, da, dx } = workspace
    const { ffnHidden: F, activation } = config
    const format = workspace.formats.mlp
    const mixture = mixtureOf(config, workspace, 'mlp')
    const { k, router } = mixture
    const h = workspace.rows(k, F, { records: format !== 'f32' }) // [T, k, F]
    const dh = workspace.rows(k, F) //                               [T, k, F]
    this.mixture = mixture

    this.input = mixture.product('input', 'tokens', { format, input: a, output: h, activation })
    this.output = mixture.product('output', 'items', { format, input: h, output: y })

    this.preActivation = mixture.product('input', 'tokens', { format, input: a, output: h })
    this.outputBackward = mixture.transposed('output', 'tokens', { format, input: dx, output: dh })
    const { gates, gateGradients } = router
    this.gateBackward = new GateBackward(bank, { z: h, u: dh, activation, gates, gateGradients }, threads)
    this.outputGradients = mixture.gradients('output', { rows: dx, by: 'input' }, { rows: h, by: 'output' })
    this.inputGradients = mixture.gradients('input', { rows: dh, by: 'output' }, { rows: a, by: 'input' })
    this.inputBackward = mixture.transposed('input', 'items', { format, input: dh, output: y })
    this.addInputs = new Norm(bank, { x: da, add: { y, perToken: k }, output: a }, threads)
  }

  /** Computes y from a; the caller weighs it by the gates. */
  forward(l: number, T: number): void {
    this.mixture.route(l, T) //           ids, gates [T, k]
    this.input.run(l) //                  h [T, k, F] = act(a W1[e])
    this.output.run(l) //                 y [T, k, d] = h W2[e]
  }

  /** Adds the gradients of trained experts, from a and dx. With `needsInput` it also computes da. */
  backward(l: number, T: number, needsInput: boolean): void {
    this.mixture.reroute(l, T)
    this.preActivation.run(l) //          z [T, k, F] = a W1[e]
    this.outputBackward.run(l) //         u = W2[e]^T dx
    this.gateBackward.run(T * this.mixture.k) // dp = u . h;  dz = p u act'(z);  h = p act(z)
    this.outputGradients.run(l) //        dW2 += dx h^T
    this.inputGradients.run(l) //         dW1 += dz a^T
    this.mixture.routerBackward(l, T, needsInput) // da = back through the router;  its rows
    if (!needsInput) return
    this.inputBackward.run(l) //          y [T, k, d] = W1[e]^T dz
    this.addInputs.run(T) //              da += sum of y
  }
}
