import { sigmoid } from '../../../ground/elementary.js'
import { Decays } from '../../../kernels/calls/recurrence.js'
import { padded, takesFloats } from '../../../kernels/memory/formats.js'
import type { Rows } from '../../../kernels/memory/rows.js'
import type { BatchCache } from '../batch-cache.js'
import { Linear } from '../linear.js'
import type { Mixer } from '../pre-norm-blocks.js'
import type { Workspace } from '../workspace.js'
import { DeltaHeads, type DeltaShape, deltaColumns } from './delta-heads.js'

export interface KimiDeltaShape extends DeltaShape {
  /** Channels of the latents that decays and gates are projected from; 0 if they have one matrix each. */
  rank: number
  /** Logarithm of the least decay, below 0. Default: none. */
  bound?: number
}

/**
 * Kimi's delta attention (Kimi team 2025): a token decides a decay for each row of a head's state. Pieces of DeltaHeads, and
 * `delta.own.weight` (q, k, v, and with rank 0 f, z), with a rank `delta.decays.down`, `delta.decays.up` (f) and
 * `delta.gates.down`, `delta.gates.up` (z), `delta.scalars.weight` (b), `delta.rates` (-A), `delta.bias` (of f).
 */
export class KimiDeltaAttention implements Mixer {
  readonly y: Rows
  private readonly project: Linear
  private readonly low: { down: Linear; up: Linear; at: { down: number; up: number }[] }[]
  private readonly decays: Decays
  private readonly projectGains: Linear
  private readonly heads: DeltaHeads
  private readonly weights: Record<'input' | 'scalars' | 'rates' | 'bias', number>[]

  constructor(workspace: Workspace, shape: KimiDeltaShape, epsilon: number, isIn: (layer: number) => boolean) {
    const { a, bank, threads, formats } = workspace
    const { heads, keySize, valueSize, rank, bound = 0 } = shape
    const format = formats.attention
    const [keys, values] = [heads * keySize, heads * valueSize]
    const decaysAt = padded(deltaColumns(shape).end)
    const gatesAt = decaysAt + padded(keys)
    const isLow = rank > 0
    const inputs = workspace.rows(1, isLow ? decaysAt : gatesAt + values) //        [T, q | k | v], or [T, q | k | v | f | z]
    const decays = isLow ? workspace.rows(1, keys) : inputs.block(decaysAt, keys) // [T, H, keySize]
    const gates = isLow ? workspace.rows(1, values) : inputs.block(gatesAt, values) // [T, H, valueSize]
    const lowRank = (name: string, output: Rows) => {
      const latent = workspace.rows(1, rank, { records: !takesFloats(format) })
      return {
        down: new Linear(workspace, { format, input: a, output: latent }),
        up: new Linear(workspace, { format, input: latent, output }),
        at: workspace.addresses({ down: `delta.${name}.down`, up: `delta.${name}.up` }, isIn),
      }
    }
    this.project = new Linear(workspace, { format, input: a, output: inputs })
    this.low = isLow ? [lowRank('decays', decays), lowRank('gates', gates)] : []
    this.decays = new Decays(bank, decays, heads, bound, threads)
    this.heads = new DeltaHeads(workspace, shape, { inputs, gates, gateKind: 'sigmoid', decays, epsilon, isIn })
    this.projectGains = new Linear(workspace, { format: 'f32', input: a, output: this.heads.gains })
    this.y = this.heads.y
    this.weights = workspace.addresses(
      { input: 'delta.own.weight', scalars: 'delta.scalars.weight', rates: 'delta.rates', bias: 'delta.bias' },
      isIn,
    )
  }

  begin(): void {}

  run(layer: number, T: number, cache: BatchCache): void {
    const at = this.weights[layer]
    this.project.run(T, at.input) //                 q, k, v (and f, z) [T, H, n] = Win a
    for (const { down, up, at } of this.low) {
      down.run(T, at[layer].down)
      up.run(T, at[layer].up) //                     f, z [T, H, n] = Wb Wa a
    }
    this.decays.run(T, at.rates, at.bias) //         decay [T, H, keySize] by f
    this.projectGains.run(T, at.scalars) //          b [T, H] = Wb a
    this.writeGains(T) //                            beta = sigmoid(b)
    this.heads.run(layer, T, cache) //               y [T, d]
  }

  private writeGains(T: number): void {
    const { gains } = this.heads
    for (let t = 0; t < T; t++) {
      const row = gains.row(t)
      for (let h = 0; h < row.length; h++) row[h] = sigmoid(row[h])
    }
  }
}
