import type { PartFormats } from '../packing/format.js'
import type { Bank } from '../runtime/bank.js'
import { Attention } from '../runtime/kernels/attention.js'
import { Embedding } from '../runtime/kernels/embedding.js'
import { Matmul } from '../runtime/kernels/matmul.js'
import { Norm } from '../runtime/kernels/norm.js'
import { Summary } from '../runtime/kernels/summary.js'
import { Rows } from '../runtime/rows.js'
import { type ModelConfig, routerRows } from './config.js'
import { Groups, identityList } from './groups.js'
import { cacheFormat } from './kv-cache.js'
import { Linear } from './linear.js'
import { Router } from './router.js'

/** Rows of logits computed at once. */
export const LOGIT_ROWS = 16

/**
 * Buffers and bound kernel calls for the blocks of one bank. All activations of a batch of at most `maxTokens` tokens
 * live here; a forward pass allocates nothing.
 */
export class Stage {
  readonly bank: Bank
  /** Token ids of the batch (maxTokens). */
  readonly ids: number
  /** Residual stream (maxTokens, d). */
  readonly x: Rows
  /** LayerNorm of it (maxTokens, d). */
  readonly a: Rows
  /** New keys and new values (maxTokens, A each), which lie behind the queries (maxTokens * k, A). */
  readonly keys: Rows
  readonly values: Rows
  /** Keys visited by each item and head in the last attention. */
  readonly depths: number
  /** Outputs of the experts of the last mixture (maxTokens * k, d), a row an item. */
  readonly y: Rows
  /** Logits of up to LOGIT_ROWS tokens. */
  readonly logits: Rows

  readonly embed: Embedding
  readonly normalise: Norm
  readonly addAttention: Norm
  readonly addMlp: Norm
  readonly attentionRouter: Router
  readonly mlpRouter: Router
  readonly attentionGroups: Groups
  readonly mlpGroups: Groups
  readonly queries: Matmul
  readonly attention: Attention
  readonly attentionOutputs: Matmul
  readonly mlpInputs: Matmul
  readonly mlpOutputs: Matmul
  readonly head: Linear
  readonly summary: Summary
  /** Lists of rows for keys and values (token t to its row behind the queries) and for the head. */
  readonly keyList: number
  readonly valueList: number
  readonly headList: number

  constructor(
    bank: Bank,
    config: ModelConfig,
    formats: PartFormats,
    readonly maxTokens: number,
    threads: number,
    enough: number,
  ) {
    this.bank = bank
    const { width: d, attentionHidden: A, ffnHidden: F, topKAttention: kA, topKMlp: kM, gateType, gatingSize } = config
    const T = maxTokens
    const mostRows = (kind: 'attention' | 'mlp') =>
      config[`${kind}Experts`].reduce((most, _, layer) => Math.max(most, routerRows(config, layer, kind)), 0)
    const [maxAttention, maxMlp] = [mostRows('attention'), mostRows('mlp')]
    const outputs = config.architecture === 'classifier' ? (config.labels?.length ?? 0) : config.vocabSize

    this.ids = bank.arena.allocate(T * 4)
    this.x = Rows.allocate(bank, T, d)
    this.a = Rows.allocate(bank, T, d, { records: true })
    const q = Rows.allocate(bank, T * (kA + 2), A)
    const [firstKey, firstValue] = [T * kA, T * (kA + 1)]
    this.keys = q.slice(firstKey, T)
    this.values = q.slice(firstValue, T)
    const o = Rows.allocate(bank, T * kA, A, { records: formats.attention !== 'f32' })
    const h = Rows.allocate(bank, T * kM, F, { records: formats.mlp !== 'f32' })
    this.y = Rows.allocate(bank, T * Math.max(kA, kM), d)
    this.depths = bank.arena.allocate(T * kA * config.heads * 4)
    this.logits = Rows.allocate(bank, LOGIT_ROWS, outputs)

    const all = identityList(bank, T)
    this.keyList = identityList(bank, T, firstKey)
    this.valueList = identityList(bank, T, firstValue)
    this.headList = identityList(bank, LOGIT_ROWS)

    const router = { gateType, gatingSize, maxTokens: T, format: formats.router, a: this.a }
    this.attentionRouter = new Router(bank, { ...router, k: kA, maxRows: maxAttention, list: all }, threads)
    this.mlpRouter = new Router(bank, { ...router, k: kM, maxRows: maxMlp, list: all }, threads)
    this.attentionGroups = new Groups(bank, maxAttention, T * kA, 2)
    this.mlpGroups = new Groups(bank, maxMlp, T * kM)

    const { x, a, y } = this
    const add = ({ gates }: Router, k: number) =>
      new Norm(bank, { x, experts: { outputs: y, gates, k }, output: a }, threads)
    this.embed = new Embedding(bank, formats.embedding, this.ids, x)
    this.normalise = new Norm(bank, { x, output: a }, threads)
    this.addAttention = add(this.attentionRouter, kA)
    this.addMlp = add(this.mlpRouter, kM)

    const { attention, mlp, head } = formats
    this.queries = new Matmul(bank, { format: attention, input: a, output: q }, threads)
    const walk = { heads: config.heads, k: kA, format: cacheFormat(formats), enough, depths: this.depths }
    this.attention = new Attention(bank, { q, output: o, ...walk }, threads)
    this.attentionOutputs = new Matmul(bank, { format: attention, input: o, output: y }, threads)
    const { activation } = config
    this.mlpInputs = new Matmul(bank, { format: mlp, input: a, output: h, activation }, threads)
    this.mlpOutputs = new Matmul(bank, { format: mlp, input: h, output: y }, threads)
    this.head = new Linear(bank, { format: head, input: a, output: this.logits }, this.headList, threads)
    this.summary = new Summary(bank, this.logits)
  }
}
