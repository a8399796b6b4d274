import { GatedRows } from '../../../kernels/calls/gated-rows.js'
import { HeadTransform } from '../../../kernels/calls/head-transform.js'
import { recurrenceStateFloats } from '../../../kernels/calls/recurrence.js'
import { convolutionStateFloats } from '../../../kernels/calls/short-convolution.js'
import { padded, takesFloats } from '../../../kernels/memory/formats.js'
import type { Rows } from '../../../kernels/memory/rows.js'
import type { BatchCache } from '../batch-cache.js'
import { Linear } from '../linear.js'
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
  /** Whether queries, keys and values have matrices of their own, so that each begins at a whole block. */
  isApart?: boolean
}

export interface DeltaHeadsOptions {
  /** Queries, keys and values before their filter [T, q | k | v], and gates of the outputs [T, H, valueSize]. */
  inputs: Rows
  gates: Rows
  gateKind: 'silu' | 'sigmoid'
  /** Decays of each row of a state [T, H, keySize]. Default: one of each head, in `decays`. */
  decays?: Rows
  /** Added to the mean square of an output. */
  epsilon: number
  isIn: (layer: number) => boolean
}

/** Added to the square of a head's length. */
const LENGTH_EPSILON = 1e-6

/**
 * Heads whose state S is a matrix that maps keys to values, from their filter to the layer's output. S forgets by a decay,
 * and a token corrects what S says of its key by a part beta of the error. The caller writes decays and beta (`gains`).
 * Pieces `delta.taps`, `delta.norm`, `delta.output.weight`.
 */
export class DeltaHeads {
  readonly y: Rows
  readonly decays: Rows
  readonly gains: Rows
  private readonly convolution: CausalConvolution
  private readonly lengths: HeadTransform[]
  private readonly recurrence: RecurrentHeads
  private readonly gate: GatedRows
  private readonly output: Linear
  /** Address of the weight of each channel in the norm that gives heads the length 1. */
  private readonly unit: number
  private readonly weights: Record<'taps' | 'norm' | 'output', number>[]

  constructor(
    workspace: Workspace,
    shape: DeltaShape,
    { inputs, gates, gateKind, decays, epsilon, isIn }: DeltaHeadsOptions,
  ) {
    const { bank, threads, formats, config } = workspace
    const { keyHeads, heads, keySize, valueSize, taps } = shape
    const format = formats.attention
    const at = deltaColumns(shape)
    const mixed = workspace.rows(1, at.end) //                                             [T, q | k | v]
    const o = workspace.rows(1, heads * valueSize, { records: !takesFloats(format) }) //   [T, H, valueSize]
    const [queries, keys] = [0, at.keys].map((first) => mixed.block(first, keyHeads * keySize))
    this.y = workspace.rows(1, config.width)

    const filter = { form: 'silu', input: inputs.block(0, at.end), output: mixed, taps } as const
    this.convolution = new CausalConvolution(workspace, filter)
    const norm = { span: 'head', epsilon: LENGTH_EPSILON / keySize } as const
    this.lengths = [queries, keys].map((rows) => new HeadTransform(bank, { rows, headSize: keySize, norm }, threads))
    this.unit = bank.arena.allocate(keySize * 4)
    bank.f32.fill(1 / Math.sqrt(keySize), this.unit / 4, this.unit / 4 + keySize)
    this.recurrence = new RecurrentHeads(workspace, {
      ...shape,
      ...{ queries, keys, decays, isDelta: true },
      values: mixed.block(at.values, heads * valueSize),
      output: o.block(0, heads * valueSize),
      stateOffset: this.convolution.stateFloats * 4,
    })
    this.decays = this.recurrence.decays
    this.gains = this.recurrence.gains
    // The papers divide queries by sqrt(keySize); with undivided ones o is larger, and so is epsilon beside its square.
    const perHead = { span: valueSize, epsilon: epsilon * keySize }
    this.gate = new GatedRows(bank, { rows: o, gates, kind: gateKind, norm: perHead }, threads)
    this.output = new Linear(workspace, { format, input: o, output: this.y })
    this.weights = workspace.addresses({ taps: 'delta.taps', norm: 'delta.norm', output: 'delta.output.weight' }, isIn)
  }

  run(layer: number, T: number, cache: BatchCache): void {
    const at = this.weights[layer]
    const states = cache.states(layer)
    this.convolution.run(states, T, at.taps) //                     q, k, v = silu(filter(q, k, v))
    for (const length of this.lengths) length.run(T, this.unit) //  q = q / |q|;  k = k / |k|
    this.recurrence.run(states, T) //                               S = decay S;  S += k (beta (v - S^T k))^T;  o = S^T q
    this.gate.run(T, at.norm) //                                    o = norm(o) g(z)
    this.output.run(T, at.output) //                                y [T, d] = Wo o
  }
}

/** First columns of keys and values among the inputs of the filter, and the end of all. */
export function deltaColumns({ keyHeads, heads, keySize, valueSize, isApart }: DeltaShape) {
  const keys = isApart ? padded(keyHeads * keySize) : keyHeads * keySize
  return { keys, values: 2 * keys, end: 2 * keys + heads * valueSize }
}

/** Floats of a layer's state: the filter's last inputs, then the heads' matrices. */
export function deltaStateFloats(shape: DeltaShape): number {
  const { heads, keySize, valueSize, taps } = shape
  return convolutionStateFloats(deltaColumns(shape).end, taps) + recurrenceStateFloats(heads, keySize, valueSize)
}
