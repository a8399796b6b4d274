import { exp, sigmoid, softplus } from '../../../ground/elementary.js'
import { GatedRows } from '../../../kernels/calls/gated-rows.js'
import { HeadTransform } from '../../../kernels/calls/head-transform.js'
import { recurrenceStateFloats } from '../../../kernels/calls/recurrence.js'
import { convolutionStateFloats } from '../../../kernels/calls/short-convolution.js'
import { padded } from '../../../kernels/memory/formats.js'
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
}

/** Added to the square of a head's length. */
const LENGTH_EPSILON = 1e-6

/**
 * Gated DeltaNet (Yang et al. 2024): heads whose state S is a matrix that maps keys to values. S forgets by a decay, and
 * a token corrects what S says of its key by a part beta of the error. Pieces `delta.in.weight` (q, k, v, z),
 * `delta.scalars.weight` (b, a), `delta.taps`, `delta.rates` (-A), `delta.bias` (of a), `delta.norm`, `delta.output.weight`.
 */
export class GatedDeltaNet implements Mixer {
  readonly y: Rows
  private readonly project: Linear
  private readonly projectScalars: Linear
  private readonly convolution: CausalConvolution
  private readonly lengths: HeadTransform
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
    const { keyHeads, heads, keySize, valueSize, taps } = shape
    const format = formats.attention
    const [keys, values] = [keyHeads * keySize, heads * valueSize]
    const channels = channelsOf(shape)
    const inputs = workspace.rows(1, padded(channels) + values) //        [T, u | z]
    const mixed = workspace.rows(1, channels) //                          [T, q | k | v]
    const o = workspace.rows(1, values, { records: format !== 'f32' }) // [T, H, valueSize]
    this.scalars = workspace.rows(1, 2 * padded(heads)) //                [T, b | a]
    this.y = workspace.rows(1, config.width)

    this.project = new Linear(workspace, { format, input: a, output: inputs })
    this.projectScalars = new Linear(workspace, { format: 'f32', input: a, output: this.scalars })
    const filter = { form: 'silu', input: inputs.block(0, channels), output: mixed, taps } as const
    this.convolution = new CausalConvolution(workspace, filter)
    const norm = { span: 'head', epsilon: LENGTH_EPSILON / keySize } as const
    this.lengths = new HeadTransform(bank, { rows: mixed.block(0, 2 * keys), headSize: keySize, norm }, threads)
    this.unit = bank.arena.allocate(keySize * 4)
    bank.f32.fill(1 / Math.sqrt(keySize), this.unit / 4, this.unit / 4 + keySize)
    this.recurrence = new RecurrentHeads(workspace, {
      ...shape,
      isDelta: true,
      queries: mixed.block(0, keys),
      keys: mixed.block(keys, keys),
      values: mixed.block(2 * keys, values),
      output: o.block(0, values),
      stateOffset: this.convolution.stateFloats * 4,
    })
    // The paper divides queries by sqrt(keySize); with undivided ones o is larger, and so is epsilon beside its square.
    const perHead = { span: valueSize, epsilon: epsilon * keySize }
    this.gate = new GatedRows(
      bank,
      { rows: o, gates: inputs.block(padded(channels), values), kind: 'silu', norm: perHead },
      threads,
    )
    this.output = new Linear(workspace, { format, input: o, output: this.y })
    this.weights = workspace.addresses(
      {
        input: 'delta.in.weight',
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
    this.project.run(T, at.input) //                q, k [T, K, keySize];  v, z [T, H, valueSize] = Win a
    this.projectScalars.run(T, at.scalars) //       b, a [T, H] = Wba a
    this.convolution.run(states, T, at.taps) //     q, k, v = silu(filter(q, k, v))
    this.lengths.run(T, this.unit) //               q = q / |q|;  k = k / |k|
    this.writeScalars(T, at.rates, at.bias) //      beta, decay [T, H]
    this.recurrence.run(states, T) //               S = decay S;  S += k (beta (v - S^T k))^T;  o = S^T q
    this.gate.run(T, at.norm) //                    o = norm(o) silu(z)
    this.output.run(T, at.output) //                y [T, d] = Wo o
  }

  /** Computes beta = sigmoid(b) and decay = exp(-A softplus(a + bias)), in double precision. */
  private writeScalars(T: number, rates: number, bias: number): void {
    const { f32 } = this.workspace.bank
    const { heads } = this.shape
    const { scalars } = this
    const { decays, gains } = this.recurrence
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

/** Channels of the filter: queries, keys and values. */
function channelsOf({ keyHeads, heads, keySize, valueSize }: DeltaShape): number {
  return 2 * keyHeads * keySize + heads * valueSize
}

/** Floats of a layer's state: the filter's last inputs, then the heads' matrices. */
export function deltaStateFloats(shape: DeltaShape): number {
  const { heads, keySize, valueSize, taps } = shape
  return convolutionStateFloats(channelsOf(shape), taps) + recurrenceStateFloats(heads, keySize, valueSize)
}
