import { exp, sigmoid, softplus } from '../../../ground/elementary.js'
import { GatedRows } from '../../../kernels/calls/gated-rows.js'
import { HeadTransform } from '../../../kernels/calls/head-transform.js'
import { Decays, recurrenceStateFloats } from '../../../kernels/calls/recurrence.js'
import { convolutionStateFloats } from '../../../kernels/calls/short-convolution.js'
import { padded, takesFloats } from '../../../kernels/memory/formats.js'
import type { Rows } from '../../../kernels/memory/rows.js'
import type { BatchCache } from '../batch-cache.js'
import { Linear } from '../linear.js'
import type { Mixer } from '../pre-norm-blocks.js'
import type { Workspace } from '../workspace.js'
import { CausalConvolution } from './causal-convolution.js'
import { RecurrentHeads } from './recurrent-heads.js'

export interface DeltaShape {
  /** K heads of queries and keys; each serves H / K of the H heads of values. */
  keyHeads: number
  heads: number
  keySize: number
  valueSize: number
  /** n, tokens that the filter sees. */
  taps: number
  /** Whether heads that are K apart share a key, and not neighbours. */
  isTiled: boolean
  /** Decays of each row of a state, as in Kimi's delta attention. Absent: one of each head. */
  byRow?: {
    /** Channels of the latents that decays and gates are projected from; 0 if they have one matrix each. */
    rank: number
    /** Logarithm of the least decay, below 0; 0 for none. */
    bound: number
  }
}

/** Added to the square of a head's length. */
const LENGTH_EPSILON = 1e-6

/**
 * Gated DeltaNet (Yang et al. 2024): heads whose state S is a matrix that maps keys to values. S forgets by a decay, and
 * a token corrects what S says of its key by a part beta of the error. Pieces `delta.in.weight` (q, k, v, z),
 * `delta.scalars.weight` (b, a), `delta.taps`, `delta.rates` (-A), `delta.bias` (of a), `delta.norm`, `delta.output.weight`.
 *
 * In Kimi's delta attention (Kimi team 2025), the rows of S have decays of their own. Pieces `delta.own.weight` (q, k, v,
 * and without a rank f, z) and `delta.scalars.weight` (b); with a rank `delta.decays.down`, `delta.decays.up` (f) and
 * `delta.gates.down`, `delta.gates.up` (z). `delta.bias` is of f.
 */
export class GatedDeltaNet implements Mixer {
  readonly y: Rows
  private readonly project: Linear
  private readonly low: { down: Linear; up: Linear; at: Record<'down' | 'up', number>[] }[]
  private readonly projectScalars: Linear
  private readonly rowDecays?: Decays
  private readonly convolution: CausalConvolution
  private readonly lengths: HeadTransform[]
  private readonly recurrence: RecurrentHeads
  private readonly gate: GatedRows
  private readonly output: Linear
  private readonly scalars: Rows
  /** Address of the weight of each channel in the norm that gives heads the length 1. */
  private readonly unit: number
  private readonly weights: Record<'input' | 'scalars' | 'taps' | 'rates' | 'bias' | 'norm' | 'output', number>[]

  constructor(
    private readonly workspace: Workspace,
    private readonly shape: DeltaShape,
    epsilon: number,
    isIn: (layer: number) => boolean,
  ) {
    const { a, bank, threads, formats, config } = workspace
    const { keyHeads, heads, keySize, valueSize, taps, byRow } = shape
    const format = formats.attention
    const records = !takesFloats(format)
    const values = heads * valueSize
    const at = columnsOf(shape)
    const inputs = workspace.rows(1, at.end) //                     [T, q | k | v | z], f before z, or neither with a rank
    const mixed = workspace.rows(1, at.mixed) //                    [T, q | k | v]
    const o = workspace.rows(1, values, { records }) //             [T, H, valueSize]
    const rowsAt = (first: number, columns: number) =>
      byRow?.rank ? workspace.rows(1, columns) : inputs.block(first, columns)
    const decays = byRow && rowsAt(at.decays, heads * keySize) //   [T, H, keySize]
    const gates = rowsAt(at.gates, values) //                       [T, H, valueSize]
    this.scalars = workspace.rows(1, (byRow ? 1 : 2) * padded(heads)) // [T, b | a], or b
    this.y = workspace.rows(1, config.width)

    const lowRank = (rank: number, name: string, output: Rows) => {
      const latent = workspace.rows(1, rank, { records })
      return {
        down: new Linear(workspace, { format, input: a, output: latent }),
        up: new Linear(workspace, { format, input: latent, output }),
        at: workspace.addresses({ down: `delta.${name}.down`, up: `delta.${name}.up` }, isIn),
      }
    }
    this.project = new Linear(workspace, { format, input: a, output: inputs })
    this.low = byRow?.rank && decays ? [lowRank(byRow.rank, 'decays', decays), lowRank(byRow.rank, 'gates', gates)] : []
    this.projectScalars = new Linear(workspace, { format: 'f32', input: a, output: this.scalars })
    if (byRow && decays) this.rowDecays = new Decays(bank, decays, heads, byRow.bound, threads)
    const filter = { form: 'silu', input: inputs.block(0, at.mixed), output: mixed, taps } as const
    this.convolution = new CausalConvolution(workspace, filter)
    const [queries, keys] = [0, at.keys].map((first) => mixed.block(first, keyHeads * keySize))
    const norm = { span: 'head', epsilon: LENGTH_EPSILON / keySize } as const
    this.lengths = [queries, keys].map((rows) => new HeadTransform(bank, { rows, headSize: keySize, norm }, threads))
    this.unit = bank.arena.allocate(keySize * 4)
    bank.f32.fill(1 / Math.sqrt(keySize), this.unit / 4, this.unit / 4 + keySize)
    this.recurrence = new RecurrentHeads(workspace, {
      ...shape,
      ...{ queries, keys, decays, isDelta: true },
      values: mixed.block(2 * at.keys, values),
      output: o.block(0, values),
      stateOffset: this.convolution.stateFloats * 4,
    })
    // The papers divide queries by sqrt(keySize); with undivided ones o is larger, and so is epsilon beside its square.
    const perHead = { span: valueSize, epsilon: epsilon * keySize }
    this.gate = new GatedRows(bank, { rows: o, gates, kind: byRow ? 'sigmoid' : 'silu', norm: perHead }, threads)
    this.output = new Linear(workspace, { format, input: o, output: this.y })
    this.weights = workspace.addresses(
      {
        input: byRow ? 'delta.own.weight' : 'delta.in.weight',
        scalars: 'delta.scalars.weight',
        taps: 'delta.taps',
        rates: 'delta.rates',
        bias: 'delta.bias',
        norm: 'delta.norm',
        output: 'delta.output.weight',
      },
      isIn,
    )
  }

  begin(): void {}

  run(layer: number, T: number, cache: BatchCache): void {
    const at = this.weights[layer]
    const states = cache.states(layer)
    this.project.run(T, at.input) //                                q, k [T, K, keySize];  v, z [T, H, valueSize] = Win a
    for (const { down, up, at } of this.low) {
      down.run(T, at[layer].down)
      up.run(T, at[layer].up) //                                    f, z = Wb Wa a
    }
    this.projectScalars.run(T, at.scalars) //                       b, a [T, H] = Wba a
    this.writeScalars(T, at.rates, at.bias) //                      beta, decay [T, H]
    this.rowDecays?.run(T, at.rates, at.bias) //                    decay [T, H, keySize] of f
    this.convolution.run(states, T, at.taps) //                     q, k, v = silu(filter(q, k, v))
    for (const length of this.lengths) length.run(T, this.unit) //  q = q / |q|;  k = k / |k|
    this.recurrence.run(states, T) //                               S = decay S;  S += k (beta (v - S^T k))^T;  o = S^T q
    this.gate.run(T, at.norm) //                                    o = norm(o) silu(z), or norm(o) sigmoid(z)
    this.output.run(T, at.output) //                                y [T, d] = Wo o
  }

  /** Computes beta = sigmoid(b) and a head's decay = exp(-A softplus(a + bias)), in double precision. */
  private writeScalars(T: number, rates: number, bias: number): void {
    const { f32 } = this.workspace.bank
    const { heads, byRow } = this.shape
    const { scalars } = this
    const { decays, gains } = this.recurrence
    for (let t = 0; t < T; t++) {
      const from = scalars.address / 4 + t * scalars.stride
      for (let h = 0; h < heads; h++) {
        f32[gains.address / 4 + t * gains.stride + h] = sigmoid(f32[from + h])
        if (byRow) continue
        const a = f32[from + padded(heads) + h] + f32[bias / 4 + h]
        f32[decays.address / 4 + t * decays.stride + h] = exp(f32[rates / 4 + h] * softplus(a))
      }
    }
  }
}

/** First columns of keys, decays and gates among the inputs, the end of what the filter mixes, and of all. */
function columnsOf({ keyHeads, heads, keySize, valueSize, byRow }: DeltaShape) {
  // Kimi's queries, keys and values are products of three matrices, so that each begins at a whole block.
  const keys = byRow ? padded(keyHeads * keySize) : keyHeads * keySize
  const mixed = 2 * keys + heads * valueSize
  const decays = padded(mixed)
  const gates = byRow ? decays + padded(heads * keySize) : decays
  return { keys, mixed, decays, gates, end: byRow?.rank ? mixed : gates + heads * valueSize }
}

/** Floats of a layer's state: the filter's last inputs, then the heads' matrices. */
export function deltaStateFloats(shape: DeltaShape): number {
  const { heads, keySize, valueSize, taps } = shape
  return convolutionStateFloats(columnsOf(shape).mixed, taps) + recurrenceStateFloats(heads, keySize, valueSize)
}
