import { softplus } from '../../../ground/elementary.js'
import { GatedRows } from '../../../kernels/calls/gated-rows.js'
import { HeadTransform } from '../../../kernels/calls/head-transform.js'
import { SoftmaxAttention } from '../../../kernels/calls/softmax-attention.js'
import { padded } from '../../../kernels/memory/formats.js'
import type { Rows } from '../../../kernels/memory/rows.js'
import type { BatchCache } from '../batch-cache.js'
import { Linear } from '../linear.js'
import type { Workspace } from '../workspace.js'
import type { Rope } from './rope.js'

export interface GroupedQueryOptions {
  /** H heads of queries, K heads of keys and values. Each of the latter serves H / K heads of queries. */
  heads: number
  keyValueHeads: number
  headSize: number
  /** Factor of q . k. */
  scale: number
  /** Most keys that a token sees, itself included; absent: all. */
  window?: number
  /** Rotary positions. Default: none. */
  rope?: Rope
  /** RMSNorm of queries and keys, over a whole row or over each head: pieces `q_norm` and `k_norm`. */
  norm?: { span: 'row' | 'head'; epsilon: number }
  /** RMSNorm of each head of values, without a weight and with the epsilon of `norm`. Default: false. */
  normsValues?: boolean
  /** Whether values are the keys as they are projected; `qkv.weight` then has no rows for them. Default: false. */
  valuesFromKeys?: boolean
  /** Queries, keys and values are clamped to [-clip, clip]. */
  clip?: number
  /** Projections with biases: pieces `qkv.bias` and `output.bias`. */
  bias: 'none' | 'qkv' | 'all'
  /** Whether each head of queries has a score without a key and value: piece `sinks` [H]. Default: false. */
  sinks?: boolean
  /**
   * The heads' outputs are multiplied by sigmoid(Wg a), or by softplus(Wg a), with a gate for each channel or each head.
   * Its rows come last in `qkv.weight`. Default: no gates.
   */
  gate?: 'sigmoid' | 'softplus' | 'softplus-head'
  /** Whether a layer has this attention. Default: all layers. */
  isIn?: (layer: number) => boolean
}

/** Grouped-query attention with a softmax over the keys. */
export class GroupedQueryAttention {
  /** Output for the residual stream [T, d]. */
  readonly y: Rows
  private readonly project: Linear
  private readonly keys: Rows
  private readonly values: Rows
  private readonly queryHeads?: HeadTransform
  private readonly keyHeads?: HeadTransform
  private readonly valueHeads?: HeadTransform
  private readonly valuesFromKeys: boolean
  /** Address of a weight of ones for the norm of values; 0 without a norm. */
  private readonly ones: number
  private readonly rope?: Rope
  private readonly attention: SoftmaxAttention
  private readonly gate?: GatedRows
  /** Rows of gates before their softplus, which the kernel does not compute. */
  private readonly softplusGates?: Rows
  private readonly output: Linear
  private readonly weights: Record<'qkv' | 'qkvBias' | 'output' | 'outputBias' | 'q' | 'k' | 'sinks', number>[]

  constructor(workspace: Workspace, options: GroupedQueryOptions) {
    const { heads: H, keyValueHeads: K, headSize, scale, window, rope, norm, clip, bias, sinks, gate, isIn } = options
    const { normsValues = false, valuesFromKeys = false } = options
    const { a, bank, threads, formats, config, cacheFormat } = workspace
    const format = formats.attention
    const [queries, shared] = [padded(H * headSize), padded(K * headSize)]
    const perGate = gate === 'softplus-head' ? headSize : 1
    const gates = gate ? padded((H * headSize) / perGate) : 0
    const qkv = workspace.rows(1, queries + 2 * shared + gates) //     [T, q | k | v | g]
    const q = qkv.block(0, H * headSize)
    this.keys = qkv.block(queries, K * headSize)
    this.values = qkv.block(queries + shared, K * headSize)
    const o = workspace.rows(1, H * headSize, { records: format !== 'f32' }) // [T, H, headSize]
    this.y = workspace.rows(1, config.width)

    this.rope = rope
    this.valuesFromKeys = valuesFromKeys
    const projected = valuesFromKeys ? qkv.block(0, queries + shared) : qkv
    this.project = new Linear(workspace, { format, input: a, output: projected })
    const shape = { headSize, norm, clip, rope }
    if (norm || clip || rope) {
      this.queryHeads = new HeadTransform(bank, { ...shape, rows: q }, threads)
      this.keyHeads = new HeadTransform(bank, { ...shape, rows: this.keys }, threads)
    }
    const valueNorm = normsValues ? norm : undefined
    if (clip || valueNorm) {
      this.valueHeads = new HeadTransform(bank, { headSize, norm: valueNorm, clip, rows: this.values }, threads)
    }
    this.ones = valueNorm ? bank.arena.allocate(4 * headSize) : 0
    if (valueNorm) bank.f32.fill(1, this.ones / 4, this.ones / 4 + headSize)
    const grouping = { heads: H, keyValueHeads: K, headSize, scale, window, format: cacheFormat }
    // The gate writes the records.
    const ungated = gate ? o.block(0, o.columns) : o
    this.attention = new SoftmaxAttention(bank, { ...grouping, q, output: ungated }, threads)
    if (gate) {
      const g = qkv.block(queries + 2 * shared, (H * headSize) / perGate)
      const kind = gate === 'sigmoid' ? gate : 'plain'
      this.gate = new GatedRows(bank, { rows: o, gates: g, kind, perGate }, threads)
      if (gate !== 'sigmoid') this.softplusGates = g
    }
    this.output = new Linear(workspace, { format, input: o, output: this.y })

    this.weights = workspace.addresses(
      {
        qkv: 'qkv.weight',
        qkvBias: bias !== 'none' && 'qkv.bias',
        output: 'output.weight',
        outputBias: bias === 'all' && 'output.bias',
        q: norm && 'q_norm',
        k: norm && 'k_norm',
        sinks: sinks && 'sinks',
      },
      isIn,
    )
  }

  begin({ segments }: BatchCache): void {
    this.rope?.begin(segments)
    this.attention.begin(segments)
  }

  run(layer: number, T: number, cache: BatchCache): void {
    const at = this.weights[layer]
    this.project.run(T, at.qkv, at.qkvBias) //            q [T, H, hd];  k, v [T, K, hd];  g as q = Wqkvg a
    if (this.valuesFromKeys) for (let t = 0; t < T; t++) this.values.row(t).set(this.keys.row(t))
    this.queryHeads?.run(T, at.q) //                      q = RoPE(clip(norm(q)))
    this.keyHeads?.run(T, at.k) //                        k = RoPE(clip(norm(k)))
    this.valueHeads?.run(T, this.ones) //                 v = clip(norm(v))
    cache.append(layer, this.keys, this.values) //        cache += k, v
    this.attention.run(cache.places, at.sinks) //         o [T, H, hd] = softmax(scale . q k; sink) v
    for (let t = 0; t < T && this.softplusGates; t++) {
      const g = this.softplusGates.row(t)
      for (let i = 0; i < g.length; i++) g[i] = softplus(g[i])
    }
    this.gate?.run(T) //                                  o = o sigmoid(g), or o softplus(g)
    this.output.run(T, at.output, at.outputBias) //       y [T, d] = Wo o
  }
}
