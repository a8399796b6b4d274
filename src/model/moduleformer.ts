import type { PartFormats } from '../packing/format.js'
import { writeListEntry } from '../runtime/kernels/matmul.js'
import type { LogitSummary } from '../runtime/kernels/summary.js'
import type { Pool } from '../runtime/pool.js'
import type { ModelConfig } from './config.js'
import { type ExpertMask, type RouterMask, routerMasks } from './expert-mask.js'
import { cacheFormat, KVCache } from './kv-cache.js'
import type { Router } from './router.js'
import { LOGIT_ROWS, Stage } from './stage.js'
import type { BlockWeights, Weights } from './weights.js'

/** Tokens of a micro-batch at most: enough that an expert's weights serve many of them, few enough to stop soon. */
export const MAX_BATCH = 256

/**
 * Length of the stick at which attention stops: what older keys can still add is below half a unit in the last place of
 * the largest value, the rounding error of a single float addition.
 */
export const ENOUGH = 2 ** -25

/** Who wants to see what on the way; called once a block, in order. */
export interface Taps {
  /** Experts and gates of the batch: k a token, in falling order of gates. */
  routes?: (layer: number, kind: 'attention' | 'mlp', ids: Int32Array, gates: Float32Array) => void
  /** The routers' probabilities of all experts of the batch: tokens x experts of the layer. */
  probabilities?: (layer: number, kind: 'attention' | 'mlp', p: Float32Array) => void
  /** L2 norms of the outputs of the chosen experts, before their gates: k a token, in the order of the routes. */
  outputNorms?: (layer: number, kind: 'attention' | 'mlp', norms: Float32Array) => void
  /** The residual stream (d) after a block, at the last token of the batch. */
  hidden?: (layer: number, x: Float32Array) => void
  /** Asked before every block; true abandons the batch. */
  stopped?: () => boolean
}

/** IBM's ModuleFormer: a mixture of attention experts and a mixture of MLP experts in every block. */
export class ModuleFormer {
  private readonly stages: Stage[]
  private masks?: Record<'attention' | 'mlp', RouterMask[]>
  private keysVisited = 0
  private walks = 0
  /** Row of the logits that `logits` gave last. */
  private lastLogits = 0

  constructor(
    readonly config: ModelConfig,
    private readonly weights: Weights,
    private readonly pool: Pool,
    private readonly formats: PartFormats,
    maxBatch = MAX_BATCH,
  ) {
    this.stages = weights.banks.map((bank) => new Stage(bank, config, formats, maxBatch, pool.threads, ENOUGH))
  }

  /** An empty cache for one sequence. */
  createCache(): KVCache {
    const { attentionHidden, sharedKeyValue } = this.config
    const layers = this.weights.blocks.map(({ bank }) => ({
      bank: this.weights.banks[bank],
      channels: attentionHidden,
      format: cacheFormat(this.formats),
      shared: sharedKeyValue,
    }))
    return new KVCache(layers)
  }

  /**
   * Runs a batch of T <= MAX_BATCH tokens after those in the cache. Afterwards the last stage holds LNf(x) of each,
   * from which `logits` computes. Returns false, with the cache as it was, when a tap stopped it.
   */
  forward(tokens: ArrayLike<number>, cache: KVCache, taps: Taps = {}): boolean {
    const { blocks, finalNorm, embedding } = this.weights
    const T = tokens.length
    cache.reserve(T)

    let stage = this.enter(blocks[0].bank)
    stage.bank.u32.set(tokens, stage.ids / 4)
    stage.embed.run(embedding, T) //                                     x [T, d] = wte[tokens]
    stage.normalise.run(T, blocks[0].norm1.weight, blocks[0].norm1.bias) // a [T, d] = LN1(x)

    for (let l = 0; l < blocks.length; l++) {
      const block = blocks[l]
      if (taps.stopped?.()) return false

      stage.attentionRouter.run(T, block.attentionRouter, this.masks?.attention[l]) // ids, gates [T, k]
      this.queries(stage, l, block, T) //                                q [T, k, A] = a Wq[e];  K, V [T, A]
      this.remember(stage, l, cache, T) //                               cache += K, V
      this.attend(stage, l, cache, T) //                                 o [T, k, A] = stick-broken sums of V
      this.attentionOutputs(stage, l) //                                 y [T, k, d] = o Wo[e]
      stage.addAttention.run(T, block.norm2.weight, block.norm2.bias) // x += gates . y;  a = LN2(x)
      this.tapRoutes(taps, l, 'attention', stage.attentionRouter, stage, T)

      stage.mlpRouter.run(T, block.mlpRouter, this.masks?.mlp[l]) //     ids, gates [T, k]
      this.mlp(stage, l, T) //                                           y [T, k, d] = act(a W1[e]) W2[e]
      const next = blocks[l + 1]
      const norm = next ? next.norm1 : finalNorm
      if (next && next.bank !== block.bank) {
        stage.addMlp.run(T, 0, 0) //                                     x += gates . y
        stage = this.moveResidual(stage, next.bank, T) //                x goes on in the next bank
        stage.normalise.run(T, norm.weight, norm.bias) //                a = LN1(x)
      } else {
        stage.addMlp.run(T, norm.weight, norm.bias) //                   x += gates . y;  a = LN1(x) or LNf(x)
      }
      const done = this.stages[block.bank]
      this.tapRoutes(taps, l, 'mlp', done.mlpRouter, done, T)
      taps.hidden?.(l, done.x.row(T - 1))
    }
    cache.advance(T)
    return true
  }

  /**
   * Output head on rows [from, to) of the last batch: calls `take` with each row's logits (V, or one a label of a
   * classifier), a view that the next row overwrites.
   */
  logits(from: number, to: number, take: (row: number, logits: Float32Array) => void): void {
    const { lastStage: stage } = this
    for (let first = from; first < to; first += LOGIT_ROWS) {
      const count = Math.min(LOGIT_ROWS, to - first)
      for (let i = 0; i < count; i++) writeListEntry(stage.bank, stage.headList, i, first + i, i)
      stage.head.run(count, this.weights.head, 0)
      for (let i = 0; i < count; i++) {
        this.lastLogits = i
        take(first + i, stage.logits.row(i))
      }
    }
  }

  /** Of the row of logits that `logits` gave last; undefined where a logit is infinite or none is a number. */
  summary(): LogitSummary | undefined {
    return this.lastStage.summary.run(this.lastLogits)
  }

  /** Keeps experts from being chosen until the next call; without a mask all are free. */
  maskExperts(mask?: ExpertMask): void {
    this.masks = mask && routerMasks(mask, this.config)
  }

  /** Entries of a row of logits. */
  get outputs(): number {
    const { architecture, labels, vocabSize } = this.config
    return architecture === 'classifier' ? (labels?.length ?? 0) : vocabSize
  }

  /** Mean number of keys that an attention head visited for a token, so far. */
  get meanAttentionDepth(): number {
    return this.walks === 0 ? 0 : this.keysVisited / this.walks
  }

  /** The queries of each token's experts and, unless K = V = a, the new keys and values, all in one product. */
  private queries(stage: Stage, l: number, block: BlockWeights, T: number): void {
    const { weights, config } = this
    const groups = stage.attentionGroups
    groups.assign(stage.attentionRouter.ids, T, config.topKAttention, config.attentionExperts[l])
    weights.require(l, 'attention', groups.chosenExperts, groups.count)
    let count = groups.fromTokens((e) => weights.expert(l, 'attention', e))
    if (block.key && block.value) {
      groups.append(count++, block.key.weight, block.key.bias, stage.keyList, T)
      groups.append(count++, block.value.weight, block.value.bias, stage.valueList, T)
    }
    stage.queries.run(groups.table, count, groups.work + 2 * T)
  }

  private remember(stage: Stage, l: number, cache: KVCache, T: number): void {
    if (this.config.sharedKeyValue) {
      cache.append(l, T, stage.a, stage.a)
    } else {
      cache.append(l, T, stage.keys, stage.values)
    }
  }

  private attend(stage: Stage, l: number, cache: KVCache, T: number): void {
    stage.attention.run(T, cache.keyTable(l), cache.valueTable(l), cache.length, cache.oldest)
    const walks = T * this.config.topKAttention * this.config.heads
    const depths = stage.bank.u32
    for (let i = 0; i < walks; i++) this.keysVisited += depths[stage.depths / 4 + i]
    this.walks += walks
  }

  private attentionOutputs(stage: Stage, l: number): void {
    const { weights } = this
    const groups = stage.attentionGroups
    const count = groups.fromItems((e) => weights.expert(l, 'attention', e) + weights.outputOffset.attention)
    stage.attentionOutputs.run(groups.table, count, groups.work)
  }

  private mlp(stage: Stage, l: number, T: number): void {
    const { weights, config } = this
    const groups = stage.mlpGroups
    groups.assign(stage.mlpRouter.ids, T, config.topKMlp, config.mlpExperts[l])
    weights.require(l, 'mlp', groups.chosenExperts, groups.count)
    const inputs = groups.fromTokens((e) => weights.expert(l, 'mlp', e))
    stage.mlpInputs.run(groups.table, inputs, groups.work)
    const outputs = groups.fromItems((e) => weights.expert(l, 'mlp', e) + weights.outputOffset.mlp)
    stage.mlpOutputs.run(groups.table, outputs, groups.work)
  }

  /** The stage where the last block leaves its rows. */
  private get lastStage(): Stage {
    const { blocks } = this.weights
    return this.stages[blocks[blocks.length - 1].bank]
  }

  private enter(bank: number): Stage {
    this.pool.enter(bank)
    return this.stages[bank]
  }

  /** Copies the residual stream, all that passes between blocks, to the stage of another bank. */
  private moveResidual(stage: Stage, bank: number, T: number): Stage {
    const next = this.enter(bank)
    const { address, strideBytes } = stage.x
    next.bank.u8.set(stage.bank.u8.subarray(address, address + T * strideBytes), next.x.address)
    return next
  }

  private tapRoutes(taps: Taps, l: number, kind: 'attention' | 'mlp', router: Router, stage: Stage, T: number): void {
    const { topKAttention, topKMlp, attentionExperts, mlpExperts } = this.config
    const [k, experts] = kind === 'attention' ? [topKAttention, attentionExperts[l]] : [topKMlp, mlpExperts[l]]
    const first = router.gates / 4
    taps.routes?.(l, kind, router.ids.subarray(0, T * k), stage.bank.f32.subarray(first, first + T * k))
    taps.probabilities?.(l, kind, router.probabilities(T, experts))
    taps.outputNorms?.(l, kind, this.outputNorms(stage, T * k))
  }

  private outputNorms(stage: Stage, items: number): Float32Array {
    return Float32Array.from({ length: items }, (_, item) => {
      return Math.sqrt(stage.y.row(item).reduce((sum, value) => sum + value * value, 0))
    })
  }
}
