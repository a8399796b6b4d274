import type { PartFormats } from '../packing/format.js'
import type { Bank } from '../runtime/bank.js'
import { Attention, Embedding, Matmul, Norm, recordBytes, roundUp, Summary } from '../runtime/kernels.js'
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
 *
 * Rows are padded to 32 channels (a quantisation block). A buffer `r...` holds the quantised records of the buffer of the
 * same name, which the products read in the q8 and q4 formats.
 */
export class Stage {
  readonly bank: Bank
  /** Token ids of the batch (maxTokens). */
  readonly ids: number
  /** Residual stream (maxTokens, d), and floats from row to row. */
  readonly x: number
  readonly xStride: number
  /** LayerNorm of it (maxTokens, d). */
  readonly a: number
  /** Queries (maxTokens * k, A), then new keys and new values (maxTokens, A each). */
  readonly q: number
  readonly qStride: number
  readonly firstKey: number
  readonly firstValue: number
  /** Keys visited by each item and head in the last attention. */
  readonly depths: number
  /** Outputs of the experts of the last mixture (maxTokens * k, d), a row an item, as far apart as those of x. */
  readonly y: number
  /** Logits of up to LOGIT_ROWS tokens. */
  readonly logits: number
  readonly logitsStride: number

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
    const floats = (rows: number, columns: number) => bank.arena.allocate(rows * roundUp(columns, 32) * 4)
    const records = (rows: number, columns: number) => bank.arena.allocate(rows * recordBytes(roundUp(columns, 32)))
    const mostRows = (kind: 'attention' | 'mlp') =>
      config[`${kind}Experts`].reduce((most, _, layer) => Math.max(most, routerRows(config, layer, kind)), 0)
    const [maxAttention, maxMlp] = [mostRows('attention'), mostRows('mlp')]
    const outputs = config.architecture === 'classifier' ? (config.labels?.length ?? 0) : config.vocabSize

    this.ids = bank.arena.allocate(T * 4)
    this.x = floats(T, d)
    this.xStride = roundUp(d, 32)
    this.a = floats(T, d)
    const ra = records(T, d)
    this.q = floats(T * (kA + 2), A)
    this.qStride = roundUp(A, 32)
    this.firstKey = T * kA
    this.firstValue = T * (kA + 1)
    const o = floats(T * kA, A)
    const ro = records(T * kA, A)
    const h = floats(T * kM, F)
    const rh = records(T * kM, F)
    this.y = floats(T * Math.max(kA, kM), d)
    this.depths = bank.arena.allocate(T * kA * config.heads * 4)
    this.logitsStride = roundUp(outputs, 32)
    this.logits = floats(LOGIT_ROWS, outputs)

    const all = identityList(bank, T)
    this.keyList = identityList(bank, T, this.firstKey)
    this.valueList = identityList(bank, T, this.firstValue)
    this.headList = identityList(bank, LOGIT_ROWS)

    const norm = { output: this.a, records: ra }
    const expertsOf = (gates: number, k: number) => ({ address: this.y, stride: this.xStride, gates, k })
    const router = { gateType, width: d, gatingSize, maxTokens: T, format: formats.router, a: this.a, records: ra }
    this.attentionRouter = new Router(bank, { ...router, k: kA, maxRows: maxAttention, list: all }, threads)
    this.mlpRouter = new Router(bank, { ...router, k: kM, maxRows: maxMlp, list: all }, threads)
    this.attentionGroups = new Groups(bank, maxAttention, T * kA, 2)
    this.mlpGroups = new Groups(bank, maxMlp, T * kM)

    this.embed = new Embedding(bank, formats.embedding, d, this.ids, this.x)
    this.normalise = new Norm(bank, { x: this.x, width: d, norm }, threads)
    const addAttention = expertsOf(this.attentionRouter.gates, kA)
    this.addAttention = new Norm(bank, { x: this.x, width: d, y: addAttention, norm }, threads)
    this.addMlp = new Norm(bank, { x: this.x, width: d, y: expertsOf(this.mlpRouter.gates, kM), norm }, threads)

    /** A product reads floats or records, as its weights' format wants it. */
    const from = (format: PartFormats[keyof PartFormats], floats: number, records: number) => ({
      format,
      input: format === 'f32' ? floats : records,
    })
    const { attention, mlp, head } = formats
    const query = { columns: d, rows: A, output: this.q, outputStride: this.qStride }
    this.queries = new Matmul(bank, { ...from(attention, this.a, ra), ...query }, threads)
    const rows = cacheFormat(formats)
    const heads = { channels: A, heads: config.heads, k: kA, rows, enough, depths: this.depths }
    const qo = { q: this.q, o, stride: this.qStride, records: attention === 'f32' ? 0 : ro }
    this.attention = new Attention(bank, { ...qo, ...heads }, threads)
    const output = { rows: d, output: this.y, outputStride: this.xStride }
    this.attentionOutputs = new Matmul(bank, { ...from(attention, o, ro), columns: A, ...output }, threads)
    const hidden = { output: h, outputStride: roundUp(F, 32), activation: config.activation }
    const quantised = mlp === 'f32' ? {} : { records: rh, recordColumns: F }
    this.mlpInputs = new Matmul(
      bank,
      { ...from(mlp, this.a, ra), columns: d, rows: F, ...hidden, ...quantised },
      threads,
    )
    this.mlpOutputs = new Matmul(bank, { ...from(mlp, h, rh), columns: F, ...output }, threads)
    const logits = { columns: d, rows: outputs, output: this.logits, outputStride: this.logitsStride }
    this.head = new Linear(bank, { ...from(head, this.a, ra), ...logits }, this.headList, threads)
    this.summary = new Summary(bank, outputs)
  }
}
