import { exp, softplus } from '../../../ground/elementary.js'
import { GatedRows } from '../../../kernels/calls/gated-rows.js'
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

export interface Mamba2Shape {
  /** H, heads with a state each. */
  heads: number
  /** P, channels of a head. I = H P. */
  headSize: number
  /** G, groups of heads that share keys and queries (B and C). */
  groups: number
  /** N, entries of a key: a head's state is [N, P]. */
  stateSize: number
  /** Tokens that the convolution sees. */
  taps: number
  convolutionBias: boolean
  /** Whether both projections have biases. */
  projectionBias: boolean
  /** Limits of a token's step. Default: none. */
  step?: { least: number; most: number }
  /** Whether the last norm is over each group's channels, I / G, by themselves. Default: over all. */
  normsGroups?: true
}

/** Channels of the convolution: X [H, P], B [G, N] and C [G, N]. */
export function mamba2Channels({ heads, headSize, groups, stateSize }: Mamba2Shape): number {
  return heads * headSize + 2 * groups * stateSize
}

/** Floats of a running state: the last inputs of the convolution, then the states of the heads. */
export function mamba2StateFloats(shape: Mamba2Shape): number {
  const { heads, headSize, stateSize, taps } = shape
  return convolutionStateFloats(mamba2Channels(shape), taps) + recurrenceStateFloats(heads, stateSize, headSize)
}

/**
 * Mamba-2. Each token chooses a step dt for each head. The head's state fades by this step and takes the token's value (X)
 * in at its key (B); then the token's query (C) reads the state. Pieces begin with `mamba.`. The matrix of the steps is
 * f32 in every packing, since a decay is a power of a step, and acts on everything before the token. `mamba.rates` is -A.
 */
export class Mamba2 implements Mixer {
  readonly y: Rows
  private readonly project: Linear
  private readonly steps: Linear
  private readonly convolution: CausalConvolution
  private readonly heads: RecurrentHeads
  private readonly gate: GatedRows
  private readonly output: Linear
  private readonly weights: ReturnType<typeof addressesOf>

  constructor(
    private readonly workspace: Workspace,
    private readonly shape: Mamba2Shape,
    { epsilon, isIn }: { epsilon: number; isIn: (layer: number) => boolean },
  ) {
    const { a, bank, threads, formats, config } = workspace
    const { heads: H, headSize: P, groups: G, stateSize: N, taps } = shape
    const format = formats.attention
    const channels = mamba2Channels(shape)
    const inner = padded(H * P)
    const parts = workspace.rows(1, inner + padded(channels)) //                 [T, z | v]
    const u = workspace.rows(1, channels) //                                     [T, X | B | C]
    const o = workspace.rows(1, H * P, { records: format !== 'f32' }) //         [T, H, P]
    this.y = workspace.rows(1, config.width)

    this.project = new Linear(workspace, { format, input: a, output: parts })
    this.convolution = new CausalConvolution(workspace, {
      form: 'silu',
      input: parts.block(inner, channels),
      output: u,
      taps,
    })
    this.heads = new RecurrentHeads(workspace, {
      values: u.block(0, H * P),
      keys: u.block(H * P, G * N),
      queries: u.block(H * P + G * N, G * N),
      output: o,
      heads: H,
      keyHeads: G,
      keySize: N,
      valueSize: P,
      isDelta: false,
      stateOffset: 4 * this.convolution.stateFloats,
    })
    this.steps = new Linear(workspace, { format: 'f32', input: a, output: this.heads.gains })
    const norm = { span: (H * P) / (shape.normsGroups ? G : 1), epsilon, apart: true }
    const gates = parts.block(0, H * P)
    this.gate = new GatedRows(bank, { rows: o, gates, kind: 'silu', norm, gatesFirst: true }, threads)
    this.output = new Linear(workspace, { format, input: o, output: this.y })
    this.weights = addressesOf(workspace, shape, isIn)
  }

  begin(): void {}

  run(layer: number, T: number, cache: BatchCache): void {
    const at = this.weights[layer]
    const states = cache.states(layer)
    this.project.run(T, at.input, at.inputBias) //                         z [T, I], v [T, I + 2 G N] = Win a
    this.convolution.run(states, T, at.taps, at.bias) //                   X, B, C = silu(filter(v))
    this.steps.run(T, at.steps, at.stepsBias) //                           dt [T, H] = Wdt a
    this.decay(layer, T) //                                                dt = softplus(dt + b);  d = exp(-A dt)
    this.heads.run(states, T, at.skips) //                                 S = d S + dt B X^T;  o [T, I] = S^T C + D X
    this.gate.run(T, at.norm) //                                           o = RMSNorm(o silu(z))
    this.output.run(T, at.output, at.outputBias) //                        y [T, d] = Wout o
  }

  /** Turns products into steps, and computes the decays of the states, in double precision. */
  private decay(layer: number, T: number): void {
    const { f32 } = this.workspace.bank
    const { gains, decays } = this.heads
    const { heads, step = { least: 0, most: Infinity } } = this.shape
    const { stepBias, rates } = this.weights[layer]
    for (let h = 0; h < heads; h++) {
      const [bias, rate] = [f32[stepBias / 4 + h], f32[rates / 4 + h]]
      for (let t = 0; t < T; t++) {
        const at = gains.address / 4 + t * gains.stride + h
        const dt = Math.min(Math.max(softplus(f32[at] + bias), step.least), step.most)
        f32[at] = dt
        f32[decays.address / 4 + t * decays.stride + h] = exp(rate * dt)
      }
    }
  }
}

function addressesOf(workspace: Workspace, shape: Mamba2Shape, isIn: (layer: number) => boolean) {
  const { convolutionBias, projectionBias } = shape
  return workspace.addresses(
    {
      input: 'mamba.in.weight',
      inputBias: projectionBias && 'mamba.in.bias',
      taps: 'mamba.taps',
      bias: convolutionBias && 'mamba.conv.bias',
      steps: 'mamba.steps.weight',
      stepsBias: projectionBias && 'mamba.steps.bias',
      stepBias: 'mamba.dt_bias',
      rates: 'mamba.rates',
      skips: 'mamba.D',
      norm: 'mamba.norm.weight',
      output: 'mamba.output.weight',
      outputBias: projectionBias && 'mamba.output.bias',
    },
    isIn,
  )
}
