import { exp, sigmoid, softplus } from '../../../ground/elementary.js'
import { padded } from '../../../kernels/memory/formats.js'
import type { Rows } from '../../../kernels/memory/rows.js'
import type { BatchCache } from '../batch-cache.js'
import { Linear } from '../linear.js'
import type { Mixer } from '../pre-norm-blocks.js'
import type { Workspace } from '../workspace.js'
import { DeltaHeads, type DeltaShape, deltaColumns } from './delta-heads.js'

/**
 * Gated DeltaNet (Yang et al. 2024): a token decides one decay for each head. Pieces of DeltaHeads, and
 * `delta.in.weight` (q, k, v, z), `delta.scalars.weight` (b, a), `delta.rates` (-A), `delta.bias` (of a).
 */
export class GatedDeltaNet implements Mixer {
  readonly y: Rows
  private readonly project: Linear
  private readonly projectScalars: Linear
  private readonly heads: DeltaHeads
  private readonly scalars: Rows
  private readonly weights: Record<'input' | 'scalars' | 'rates' | 'bias', number>[]

  constructor(
    private readonly workspace: Workspace,
    private readonly shape: DeltaShape,
    epsilon: number,
    isIn: (layer: number) => boolean,
  ) {
    const { a, formats } = workspace
    const { heads, valueSize } = shape
    const gatesAt = padded(deltaColumns(shape).end)
    const inputs = workspace.rows(1, gatesAt + heads * valueSize) //  [T, q | k | v | z]
    const gates = inputs.block(gatesAt, heads * valueSize)
    this.scalars = workspace.rows(1, 2 * padded(heads)) //            [T, b | a]
    this.project = new Linear(workspace, { format: formats.attention, input: a, output: inputs })
    this.projectScalars = new Linear(workspace, { format: 'f32', input: a, output: this.scalars })
    this.heads = new DeltaHeads(workspace, shape, { inputs, gates, gateKind: 'silu', epsilon, isIn })
    this.y = this.heads.y
    this.weights = workspace.addresses(
      { input: 'delta.in.weight', scalars: 'delta.scalars.weight', rates: 'delta.rates', bias: 'delta.bias' },
      isIn,
    )
  }

  begin(): void {}

  run(layer: number, T: number, cache: BatchCache): void {
    const at = this.weights[layer]
    this.project.run(T, at.input) //                q, k [T, K, keySize];  v, z [T, H, valueSize] = Win a
    this.projectScalars.run(T, at.scalars) //       b, a [T, H] = Wba a
    this.writeScalars(T, at.rates, at.bias) //      beta, decay [T, H]
    this.heads.run(layer, T, cache) //              y [T, d]
  }

  /** Computes beta = sigmoid(b) and decay = exp(-A softplus(a + bias)), in double precision. */
  private writeScalars(T: number, rates: number, bias: number): void {
    const { f32 } = this.workspace.bank
    const { heads } = this.shape
    const { scalars } = this
    const { decays, gains } = this.heads
    for (let t = 0; t < T; t++) {
      const from = scalars.address / 4 + t * scalars.stride
      for (let h = 0; h < heads; h++) {
        const b = f32[from + h]
        const a = f32[from + padded(heads) + h] + f32[bias / 4 + h]
        f32[gains.address / 4 + t * gains.stride + h] = sigmoid(b)
        f32[decays.address / 4 + t * decays.stride + h] = exp(f32[rates / 4 + h] * softplus(a))
      }
    }
  }
}
