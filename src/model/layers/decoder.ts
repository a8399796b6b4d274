import { Embedding } from '../../kernels/calls/embedding.js'
import { writeListEntry } from '../../kernels/calls/groups.js'
import { type LogitPeaks, type LogitSummary, Summary } from '../../kernels/calls/summary.js'
import type { CacheFormat } from '../../kernels/memory/formats.js'
import { Rows } from '../../kernels/memory/rows.js'
import type { Pool } from '../../kernels/threads/pool.js'
import { type ModelConfig, outputsOf, type PerMixture, perMixture } from '../config/config.js'
import { type ExpertsPerToken, withExpertsPerToken } from '../config/experts-per-token.js'
import type { PartFormats } from '../packing/format/formats.js'
import type { WeightStore } from '../weights/weight-store.js'
import { type BatchCache, type PlacedSegment, placeSegments, type Segment } from './batch-cache.js'
import { type CacheBytes, cacheBytes } from './cache/cache-bytes.js'
import { type CachedLayer, checkHeads, type LayerCache } from './cache/layer-cache.js'
import { SequenceCache } from './cache/sequence-cache.js'
import { identityList } from './expert-groups.js'
import { Linear } from './linear.js'
import { Masks } from './masks.js'
import { Workspace } from './workspace.js'

/** Most tokens of a micro-batch: enough that an expert's weights serve many of them, few enough to stop soon. */
export const MAX_BATCH = 256

const LOGIT_ROWS = 16

/** Logits of one token, valid until the next ones are computed. */
export interface TokenLogits {
  /** One per id of the vocabulary, or per label of a classifier. */
  values: Float32Array
  /** Undefined if a logit is infinite, or if none is a number. */
  summary(): LogitSummary | undefined
  /** Spare a search for the largest logits most of its way; absent if they are not known. */
  peaks?(): LogitPeaks
}

/** Blocks of one bank, bound to its buffers by the family. */
export interface Blocks {
  /** Prepares values that depend on positions alone; called once per batch, before the first block of the bank. */
  begin?(cache: BatchCache): void
  /** Runs a block on the residual stream. */
  block(layer: number, tokens: number, cache: BatchCache): void
  /** Runs the norm before the head: a = Norm(x). */
  finalNorm(tokens: number): void
  /** The number that this norm divides a row of the residual stream by. */
  finalDivisor(row: Float32Array): number
  /** Factors [d] of the experts' outputs with this sum in the stream that leaves their layer. Default: 1. */
  outputFactors?(layer: number, routed: Float32Array, shared?: Float32Array): Float32Array
  /** Factors [d] of the stream that enters a layer in the one that leaves it. Default: 1. */
  streamFactors?(layer: number): Float32Array
}

/** Functions of an architecture that a decoder uses. */
export interface DecoderShape {
  cache(layer: number): LayerCache
  cacheFormat: CacheFormat
  build(workspace: Workspace): Blocks
}

/**
 * A decoder-only language model or classifier: embedding, blocks, head. Each bank of weights has its own buffers. The
 * dense parts of the store must be in place before it is built.
 */
export class Decoder {
  /** Experts that sequences must not use. */
  readonly masks: Masks
  readonly cacheFormat: CacheFormat
  private readonly workspaces: Workspace[]
  private readonly blocks: Blocks[]
  private readonly ids: number
  /** Addresses of the embedding's rows and of the head. */
  private readonly table: number
  private readonly headWeights: number
  private readonly headBias: number
  private readonly embedding: Embedding
  private readonly head: Linear
  /** The head without a cap of its logits. */
  private readonly linearHead: Linear
  private readonly logitRows: Rows
  private readonly logitList: number
  private readonly logitSummary: Summary
  private current: ModelConfig
  /** Tokens whose uses of experts were taken back. */
  tokensTakenBack = 0

  constructor(
    private readonly loaded: ModelConfig,
    private readonly store: WeightStore,
    private readonly pool: Pool,
    formats: PartFormats,
    private readonly shape: DecoderShape,
  ) {
    const config = loaded
    this.current = config
    this.masks = new Masks(config)
    this.cacheFormat = shape.cacheFormat
    for (const { rows } of this.cachedLayers()) if (rows) checkHeads(rows, this.cacheFormat)
    this.workspaces = store.banks.map((bank, index) => {
      return new Workspace(bank, index, store, config, formats, MAX_BATCH, pool.threads, this.cacheFormat)
    })
    this.blocks = this.workspaces.map((workspace) => shape.build(workspace))
    const [first, last] = [this.workspaces[0], this.workspaces[this.workspaces.length - 1]]
    this.table = store.address('embedding', 'table')
    this.headWeights = store.address(config.architecture === 'classifier' ? 'score' : 'lm_head', 'weight')
    this.headBias = config.headBias ? store.address('lm_head', 'bias') : 0
    this.ids = first.bank.arena.allocate(MAX_BATCH * 4)
    this.embedding = new Embedding(first.bank, formats.embedding, this.ids, first.x, config.embeddingScale)
    this.logitRows = Rows.allocate(last.bank, LOGIT_ROWS, outputsOf(config))
    this.logitList = identityList(last.bank, LOGIT_ROWS)
    const { logitCap: cap, logitScale: scale = 1 } = config
    const head = { format: formats.head, input: last.a, output: this.logitRows, scale }
    const capped = cap && { ...head, scale: scale / cap, activation: 'tanh' as const, activatedScale: cap }
    this.linearHead = new Linear(last, head, this.logitList)
    this.head = capped ? new Linear(last, capped, this.logitList) : this.linearHead
    this.logitSummary = new Summary(last.bank, this.logitRows)
  }

  /** Rows that pass from block to block, in the first bank. */
  get residual(): Rows {
    return this.workspaces[0].x
  }

  createCache(): SequenceCache {
    return new SequenceCache(this.cachedLayers())
  }

  get cacheBytes(): CacheBytes {
    return cacheBytes(this.cachedLayers(), MAX_BATCH)
  }

  /**
   * Runs a micro-batch of T <= MAX_BATCH tokens in all. The tokens of a sequence follow those in its cache; sequences
   * take rows one after another. Afterwards the last bank's workspace holds the normalised output of each token, from
   * which `logits` computes. A sequence gets the same result in any company. Returns false, with the caches unchanged,
   * if the taps of every sequence ask to stop. An error leaves the caches unchanged, too, except for torn ones.
   */
  forward(segments: readonly Segment[]): boolean {
    const { store, config } = this
    for (const { tokens, cache, marks = [], drafts } of segments) {
      cache.reserve(tokens.length)
      cache.mark(marks, tokens.length, drafts)
    }
    const placed = placeSegments(segments, this.masks)
    const T = placed.reduce((rows, { count }) => rows + count, 0)

    let at = this.enter(store.bankOf(0), placed)
    for (const [i, { tokens }] of segments.entries()) at.bank.u32.set(tokens, this.ids / 4 + placed[i].first)
    this.embedding.run(this.table, T) //                         x [T, d] = embedding[tokens]
    for (let l = 0; l < config.layers; l++) {
      if (placed.every(({ taps }) => taps.stopped?.())) return false
      const bank = store.bankOf(l)
      if (bank !== at.index) at = movePassing(at, this.enter(bank, placed), T)
      this.blocks[bank].block(l, T, at.cache) //                 x += attention(x);  x += mixture(x)
      for (const { first, count, position, masks, taps } of placed) {
        const changes = masks?.residual?.[l]
        for (let t = 0; changes && t < count; t++) {
          for (const { row } of changes.at(position + t)) if (row) at.x.row(first + t).set(row)
        }
        taps.residual?.(l, count, (token) => at.x.row(first + token))
      }
    }
    this.blocks[at.index].finalNorm(T) //                        a [T, d] = Norm(x)
    for (const { cache, count } of placed) cache.advance(count)
    return true
  }

  /** Looks up the embedding of at most MAX_BATCH tokens. Returns all rows that enter the first block, with padding. */
  embed(tokens: ArrayLike<number>): Float32Array[] {
    const at = this.enter(this.store.bankOf(0), [])
    at.bank.u32.set(tokens, this.ids / 4)
    this.embedding.run(this.table, tokens.length)
    return at.passing.map((rows) => copyRows(rows, tokens.length))
  }

  /**
   * Runs one block on the rows of a sequence's first tokens that enter it (see `embed`), and replaces them by the rows
   * that leave it. `cache` is an empty one, and stays so.
   */
  runBlock(layer: number, passing: Float32Array[], cache: SequenceCache): void {
    const tokens = new Int32Array(passing[0].length / this.workspaces[0].x.stride)
    cache.reserve(tokens.length)
    cache.mark([], tokens.length)
    const at = this.enter(this.store.bankOf(layer), placeSegments([{ tokens, cache }], this.masks))
    for (const [i, { address }] of at.passing.entries()) at.bank.f32.set(passing[i], address / 4)
    this.blocks[at.index].block(layer, tokens.length, at.cache)
    for (const [i, rows] of at.passing.entries()) passing[i].set(copyRows(rows, tokens.length))
  }

  /** Normalises the rows that leave the last block, as the head's input. */
  runFinalNorm(x: Float32Array): Float32Array {
    const at = this.enter(this.workspaces.length - 1, [])
    const tokens = x.length / at.x.stride
    at.bank.f32.set(x, at.x.address / 4)
    this.blocks[at.index].finalNorm(tokens)
    return copyRows(at.a, tokens)
  }

  /** Runs the output head on rows of the last batch and gives the logits of each, in the order of `rows`. */
  *logits(rows: ArrayLike<number>, head = this.head): Generator<TokenLogits, void> {
    const { logitRows, logitList, logitSummary, headWeights, headBias } = this
    const { bank } = logitRows
    for (let first = 0; first < rows.length; first += LOGIT_ROWS) {
      const count = Math.min(LOGIT_ROWS, rows.length - first)
      for (let i = 0; i < count; i++) writeListEntry(bank, logitList, i, rows[first + i], i)
      head.run(count, headWeights, headBias)
      let isSummarised = false
      const summarised = () => {
        if (!isSummarised) logitSummary.run(count)
        isSummarised = true
        return logitSummary
      }
      for (let i = 0; i < count; i++) {
        yield { values: logitRows.row(i), summary: () => summarised().of(i), peaks: () => summarised().peaksOf(i) }
      }
    }
  }

  /**
   * Reads rows [n, d] of the residual stream through the last norm and the head, without the division by the norm and
   * without a cap: a linear function, so that it reads sums of rows as the sum of what it reads of each. Logits are
   * valid until the next.
   */
  *readOut(rows: readonly Float32Array[]): Generator<{ logits: Float32Array; divisor: number }, void> {
    const { stride, columns } = this.workspaces[0].x
    const at = this.workspaces.length - 1
    let zero: Float32Array | undefined
    for (let first = 0; first < rows.length; first += MAX_BATCH - 1) {
      const part = rows.slice(first, first + MAX_BATCH - 1)
      // The first row is zeros: what is read of it belongs to the norm's bias and the head's.
      const x = new Float32Array((part.length + 1) * stride)
      for (const [i, row] of part.entries()) x.set(row.subarray(0, columns), (i + 1) * stride)
      this.runFinalNorm(x)
      let i = 0
      for (const { values } of this.logits(
        Array.from({ length: part.length + 1 }, (_, row) => row),
        this.linearHead,
      )) {
        if (i++ === 0) zero = values.slice()
        else {
          const base = zero ?? values
          const divisor = this.blocks[at].finalDivisor(part[i - 2])
          yield { logits: values.map((value, token) => (value - base[token]) * divisor), divisor }
        }
      }
    }
  }

  /** Factors [d] of what a layer's experts add to the stream that leaves it, and to the last one. */
  outputFactors({ layer, routed, shared }: { layer: number; routed: Float32Array; shared?: Float32Array }) {
    const blocksOf = (one: number) => this.blocks[this.store.bankOf(one)]
    const after = blocksOf(layer).outputFactors?.(layer, routed, shared) ?? routed.map(() => 1)
    const last = after.slice()
    for (let later = layer + 1; later < this.config.layers; later++) {
      for (const [i, factor] of blocksOf(later).streamFactors?.(later).entries() ?? []) last[i] *= factor
    }
    return { after, last }
  }

  /**
   * Changes the number of experts that a token uses; without a number, to the number that the model was loaded with.
   * Throws a UsageError, and changes nothing, if it is none for this model, or more than it has buffers for; and a
   * UserError if the masks leave too few experts.
   */
  setExpertsPerToken(given?: ExpertsPerToken): void {
    const { loaded } = this
    const most = perMixture(loaded.mixtures, ({ topK }) => topK)
    const config = given === undefined ? loaded : withExpertsPerToken(loaded, given, { most })
    this.masks.fit(config)
    this.current = config
    for (const workspace of this.workspaces) workspace.useNumbersOf(config)
  }

  /** The model's, with the numbers of experts per token that now hold. */
  get config(): ModelConfig {
    return this.current
  }

  /** Entries of a row of logits. */
  get outputs(): number {
    return outputsOf(this.config)
  }

  /** Mean number of keys that an attention head has visited per token so far; undefined if none were counted. */
  get meanAttentionDepth(): number | undefined {
    const walks = this.workspaces.reduce((sum, { visits }) => sum + visits.walks, 0)
    const keys = this.workspaces.reduce((sum, { visits }) => sum + visits.keys, 0)
    return walks === 0 ? undefined : keys / walks
  }

  /** Times that a token has used each expert so far, by mixture and layer. */
  get expertUses(): PerMixture<Float64Array[]> {
    const { store, workspaces } = this
    return perMixture(this.config.mixtures, ({ kind, experts }) =>
      experts.map((_, layer) => workspaces[store.bankOf(layer)].uses[kind]?.[layer].slice() ?? new Float64Array()),
    )
  }

  /** Takes back the uses of experts by `tokens` tokens, which are no part of a text, by their ids in each layer. */
  takeBackUses(layers: readonly PerMixture<{ ids: Int32Array }>[], tokens: number): void {
    this.tokensTakenBack += tokens
    const { store, workspaces } = this
    for (const [layer, routes] of layers.entries()) {
      const { uses } = workspaces[store.bankOf(layer)]
      for (const { kind } of this.config.mixtures) {
        const counts = uses[kind]?.[layer]
        for (const id of routes[kind]?.ids ?? []) if (counts && id >= 0) counts[id]--
      }
    }
  }

  private cachedLayers(): CachedLayer[] {
    const format = this.cacheFormat
    return Array.from({ length: this.config.layers }, (_, layer) => ({
      ...this.shape.cache(layer),
      bank: this.store.banks[this.store.bankOf(layer)],
      format,
    }))
  }

  private enter(bank: number, segments: readonly PlacedSegment[]): Workspace {
    this.pool.enter(bank)
    const workspace = this.workspaces[bank]
    workspace.cache.begin(segments)
    this.blocks[bank].begin?.(workspace.cache)
    return workspace
  }
}

/** Copies all rows that pass between blocks to another bank. */
function movePassing(from: Workspace, to: Workspace, tokens: number): Workspace {
  for (const [i, { address, strideBytes }] of from.passing.entries()) {
    to.bank.u8.set(from.bank.u8.subarray(address, address + tokens * strideBytes), to.passing[i].address)
  }
  return to
}

/** The first rows of a buffer, with padding. */
function copyRows({ bank, address, stride }: Rows, count: number): Float32Array {
  return bank.f32.slice(address / 4, address / 4 + count * stride)
}
