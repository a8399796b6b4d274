import type { Rows } from '../../kernels/memory/rows.js'
import type { Mixture } from '../config/config.js'
import { identityList } from './expert-groups.js'
import { type AppendGroups, ExpertMixture, type ExpertProduct } from './expert-mixture.js'
import type { RouterLogits } from './router-logits.js'
import type { Workspace } from './workspace.js'

export interface AttentionMixtureOptions {
  /** A, channels of a query, a key or a value: all heads together. */
  channels: number
  /** Receives the experts' outputs y [T, k, d]. */
  output: Rows
  /** Whether keys and values are projected, by the pieces `key` and `value`; else both are the input. Default true. */
  projectsKeyValue?: boolean
  /** Whether the projections have biases. Default false. */
  bias?: boolean
}

/**
 * A mixture of attention experts: each chosen expert makes its own query and projects the attention's output for it.
 * All experts share the token's key and value. The caller runs attention, which reads `q`, `keys` and `values` and
 * writes `o`.
 */
export class AttentionMixture {
  /** The most experts of a token in any layer. */
  readonly mostK: number
  /** Address of the gates, floats [T, k]. */
  readonly gates: number
  /** Queries [T, k, A]. */
  readonly q: Rows
  /** [T, A] */
  readonly keys: Rows
  /** [T, A] */
  readonly values: Rows
  /** Attention's output for each query [T, k, A]. */
  readonly o: Rows
  private readonly experts: ExpertMixture
  private readonly queries: ExpertProduct
  private readonly outputs: ExpertProduct
  private readonly keyValue?: KeyValueProjection

  constructor(
    workspace: Workspace,
    mixture: Mixture,
    logits: RouterLogits,
    { channels: A, output, projectsKeyValue = true, bias }: AttentionMixtureOptions,
  ) {
    const { a, maxTokens } = workspace
    const format = workspace.formats.attention
    this.experts = new ExpertMixture(workspace, mixture, logits, { extraMatrices: 2 })
    this.mostK = this.experts.mostSlots
    this.gates = this.experts.gates

    // The keys and values of a batch follow its queries, so that one product makes them all.
    const { mostK: k } = this
    this.q = workspace.rows(k + 2, A) //                             [T, k, A], [T, A], [T, A]
    this.keys = projectsKeyValue ? this.q.slice(maxTokens * k, maxTokens) : a
    this.values = projectsKeyValue ? this.q.slice(maxTokens * (k + 1), maxTokens) : a
    this.o = workspace.rows(k, A, { records: format !== 'f32' })
    this.queries = this.experts.product('query', { format, input: a, output: this.q })
    this.outputs = this.experts.product('output', { format, input: this.o, output })
    if (projectsKeyValue) this.keyValue = new KeyValueProjection(workspace, maxTokens * k, { bias })
  }

  k(layer: number): number {
    return this.experts.k(layer)
  }

  /** Chooses experts: ids, gates [T, k]. */
  route(layer: number, tokens: number): void {
    this.experts.route(layer, tokens)
  }

  /** Computes q [T, k, A] = Wq[e] a and, if projected, K and V [T, A]. */
  project(layer: number, tokens: number): void {
    this.experts.fromTokens(layer, this.queries, this.keyValue?.of(layer, tokens))
  }

  /** Computes y [T, k, d] = Wo[e] o. */
  projectOutput(layer: number): void {
    this.experts.fromItems(layer, this.outputs)
  }
}

/**
 * Keys and values as two more groups of the product that makes the experts' queries: pieces `key.weight` and
 * `value.weight`, and optionally `key.bias` and `value.bias`. Their rows begin at row `first` of the queries.
 */
class KeyValueProjection {
  private readonly keyList: number
  private readonly valueList: number
  private readonly weights: Record<'key' | 'keyBias' | 'value' | 'valueBias', number>[]

  constructor(workspace: Workspace, first: number, { bias = false } = {}) {
    const { bank, maxTokens } = workspace
    this.keyList = identityList(bank, maxTokens, first)
    this.valueList = identityList(bank, maxTokens, first + maxTokens)
    this.weights = workspace.addresses({
      key: 'key.weight',
      keyBias: bias && 'key.bias',
      value: 'value.weight',
      valueBias: bias && 'value.bias',
    })
  }

  of(layer: number, tokens: number): AppendGroups {
    const { key, keyBias, value, valueBias } = this.weights[layer]
    return (groups, next) => {
      groups.append(next, key, keyBias, this.keyList, tokens)
      groups.append(next + 1, value, valueBias, this.valueList, tokens)
      return { matrices: 2, rows: 2 * tokens }
    }
  }
}
