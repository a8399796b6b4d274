import { Norm } from '../../kernels/calls/norm.js'
import type { Rows } from '../../kernels/memory/rows.js'
import type { Mixture } from '../config/config.js'
import { Linear } from './linear.js'
import { LinearLogits, type RouterLogits } from './router-logits.js'
import type { Workspace } from './workspace.js'

/**
 * A network whose input is averaged over the depth: a token's state passes from layer to layer, and each router adds a
 * projection of a to it. Logits = W3 gelu(W2 gelu(W1 norm(state) + b1) + b2).
 */
export class DepthAveragedLogits implements RouterLogits {
  readonly logits: Rows
  private readonly state: Rows
  private readonly fresh: Rows
  private readonly project: Linear
  private readonly norm: Norm
  private readonly first: Linear
  private readonly second: Linear
  private readonly last: LinearLogits
  private readonly at: Record<
    'project' | 'projectBias' | 'norm' | 'first' | 'firstBias' | 'second' | 'secondBias',
    number
  >[]
  private readonly factors: { factors: number }[]

  /** `width` are the channels of the state. */
  constructor(workspace: Workspace, mixture: Mixture, { width, epsilon }: { width: number; epsilon: number }) {
    const { bank, threads, formats, a } = workspace
    const format = formats.router
    const [records, activation] = [format !== 'f32', 'gelu'] as const
    this.state = workspace.rows(1, width)
    this.fresh = workspace.rows(1, width)
    const normed = workspace.rows(1, width, { records })
    const h = workspace.rows(1, width, { records })
    const z = workspace.rows(1, width)
    workspace.passing.push(this.state)
    this.project = new Linear(workspace, { format, input: a, output: this.fresh })
    this.norm = new Norm(bank, { kind: 'rms', epsilon, x: this.state, output: normed }, threads)
    this.first = new Linear(workspace, { format, input: normed, output: h, activation })
    this.second = new Linear(workspace, { format, input: h, output: z, activation })
    this.last = new LinearLogits(workspace, mixture, z)
    this.logits = this.last.logits
    const router = (name: string) => `${mixture.kind}.router.${name}`
    this.at = workspace.addresses({
      project: router('projection.weight'),
      projectBias: router('projection.bias'),
      norm: router('norm.weight'),
      first: router('hidden.weight'),
      firstBias: router('hidden.bias'),
      second: router('hidden2.weight'),
      secondBias: router('hidden2.bias'),
    })
    this.factors = workspace.addresses({ factors: router('state_scale') }, (layer) => layer > 0)
  }

  run(layer: number, T: number): void {
    const at = this.at[layer]
    this.project.run(T, at.project, at.projectBias) //  u [T, r] = Wp a + bp
    this.advance(layer, T) //                           s = u + factors . s
    this.norm.run(T, at.norm)
    this.first.run(T, at.first, at.firstBias) //        h [T, r] = gelu(W1 norm(s) + b1)
    this.second.run(T, at.second, at.secondBias) //     h = gelu(W2 h + b2)
    this.last.run(layer, T) //                          logits [T, E] = W3 h
  }

  /** In the first layer the state begins. */
  private advance(layer: number, tokens: number): void {
    const { state, fresh, factors } = this
    const { f32 } = state.bank
    const at = factors[layer].factors / 4
    for (let t = 0; t < tokens; t++) {
      const [s, u] = [state.row(t), fresh.row(t)]
      for (let i = 0; i < u.length; i++) s[i] = at === 0 ? u[i] : u[i] + s[i] * f32[at + i]
    }
  }
}
