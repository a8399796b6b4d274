import type { Hono } from 'hono'
import type { ExpertUses, MemoryStats, Model } from '../../api/model.js'
import { PastWork } from '../../api/past-work.js'
import { haveSameExperts, type ModelConfig } from '../../model/config/config.js'
import type { Limits } from '../common/limits.js'
import type { ServerContext } from '../http/context.js'
import type { CacheMemory } from '../run/cache-memory.js'
import { ExpertMarks } from '../run/expert-marks.js'
import type { ModelMemory } from '../run/memory.js'
import type { Queue } from '../run/queue.js'
import type { LoadedSource, ModelSource, Outline, ServedExperts } from './source.js'

/** `sleeping`: only the experts have been freed. The names are llama-server's. */
export type ModelState = 'unloaded' | 'loading' | 'loaded' | 'sleeping'

interface Resident {
  model: Model
  context: ServerContext
  app: Hono
  cacheMemory: CacheMemory
}

/** Builds the parts of the server that a loaded model has for itself. */
export type Equip = (served: ServedModel, loaded: LoadedSource) => Omit<Resident, 'model'>

/** Numbers of a model that is not in memory. */
const NO_MEMORY: MemoryStats = {
  weightsBytes: 0,
  budgetBytes: 0,
  expertHits: 0,
  expertMisses: 0,
  bytesRead: 0,
  cacheBytes: 0,
  cacheTokenBytes: 0,
  cacheSequenceBytes: 0,
  sequencesRunning: 0,
  microBatches: 0,
  tokensProcessed: 0,
  lastBatchTokens: 0,
}

/** A model of the server, whether it is in memory or not. Its counts and its queue outlast its memory. */
export class ServedModel {
  state: ModelState = 'unloaded'
  /** Whether the last attempt to load it failed. */
  hasFailed = false
  /** Requests that use it, or are about to. */
  users = 0
  /** Requests that wait until it is in memory. */
  awaiting = 0
  /** Time of its last request, on the clock of `performance.now`. */
  lastUsed = 0
  /** Start of its counts, in seconds since 1970. */
  readonly since = Math.floor(Date.now() / 1000)
  experts: ServedExperts = {}
  marks = new ExpertMarks(this)
  private past = new PastWork()
  private resident?: Resident
  /** Absent until a model without an outline has been loaded for the first time. */
  known?: Outline

  constructor(
    private readonly source: ModelSource,
    readonly queue: Queue,
    private readonly limits: Pick<Limits, 'contextTokens'>,
    private readonly equip: Equip,
  ) {
    this.known = source.outline
  }

  /** Name in requests and responses. */
  get id(): string {
    return this.source.alias ?? this.name
  }

  get name(): string {
    return this.outline.name
  }

  /** Throws if the model has never been loaded and its source has no outline. */
  get outline(): Outline {
    if (!this.known) throw new Error('the model has not been loaded yet')
    return this.known
  }

  /** Most tokens of a prompt and its answer together. */
  get contextTokens(): number {
    return Math.min(this.limits.contextTokens, this.config.maxPositions ?? Number.POSITIVE_INFINITY)
  }

  get config(): ModelConfig {
    return this.outline.config
  }

  get isInMemory(): boolean {
    return this.resident !== undefined
  }

  /** Whether no request uses it. */
  get isIdle(): boolean {
    return this.users === 0 && this.queue.isEmpty
  }

  get counts(): { running: number; waiting: number } {
    const { running, waiting } = this.queue.counts
    return { running, waiting: waiting + this.awaiting }
  }

  get model(): Model | undefined {
    return this.resident?.model
  }

  get app(): Hono {
    if (!this.resident) throw new Error(`${this.id} is not in memory`)
    return this.resident.app
  }

  get kept(): { sequences: number; tokens: number } {
    return this.resident?.context.prefixCache.kept ?? { sequences: 0, tokens: 0 }
  }

  /** Bytes of its weights and caches in memory, and of weights that are yet to be read, as far as known. */
  get memory(): ModelMemory {
    return this.resident?.cacheMemory.taken ?? { held: 0, toCome: 0 }
  }

  /** Serves a loaded model. Throws a UserError if it predicts no tokens. */
  adopt(loaded: LoadedSource): void {
    const { model, mask, atlas } = loaded
    const hasOtherExperts = this.known && !haveSameExperts(this.known.config, model.config)
    if (hasOtherExperts) {
      this.past = new PastWork()
      this.marks = new ExpertMarks(this)
    }
    this.known = model
    this.experts = { mask, atlas }
    this.resident = { model, ...this.equip(this, loaded) }
    this.state = 'loaded'
  }

  /** Brings `memory` up to date. */
  async look(): Promise<void> {
    // An engine that has failed keeps its last numbers.
    await this.resident?.cacheMemory.look().catch(() => undefined)
  }

  async load(options: Parameters<ModelSource['load']>[0]): Promise<void> {
    this.state = 'loading'
    try {
      const loaded = await this.source.load(options)
      try {
        this.adopt(loaded)
      } catch (error) {
        await loaded.model.dispose()
        throw error
      }
      this.hasFailed = false
    } catch (error) {
      this.state = 'unloaded'
      this.hasFailed = true
      throw error
    }
  }

  /** Frees the memory of experts if the model is packed. If they cannot be read again, frees everything and rejects. */
  async freeExperts(): Promise<void> {
    if (!this.resident) return
    try {
      if (await this.resident.model.freeExperts()) this.state = 'sleeping'
    } catch (error) {
      this.hasFailed = true
      await this.unload()
      throw error
    }
  }

  /** Saves its kept prompts on the disk, if there is a folder for them. */
  async savePrompts(): Promise<void> {
    await this.resident?.context.prefixCache.save()
  }

  /** Frees all memory of the model, after its prompts have been saved. */
  async unload(): Promise<void> {
    if (!this.resident) return
    const { model } = this.resident
    try {
      await this.savePrompts()
      this.past.add(await model.stats(), await model.expertUses())
    } catch {
      // An engine that has failed has no caches and no counts.
    }
    const { name, config, info, chatTemplate } = model
    this.known = { name, config, info, chatTemplate }
    this.resident = undefined
    await model.dispose()
    this.state = 'unloaded'
  }

  /** Its memory, and its work since the server began. */
  async stats(): Promise<MemoryStats> {
    const now = (await this.resident?.model.stats().catch(() => undefined)) ?? NO_MEMORY
    return this.past.withStats(now)
  }

  /** Uses of its experts since the server began. */
  async expertUses(): Promise<ExpertUses> {
    const now = await this.resident?.model.expertUses().catch(() => undefined)
    return now ? this.past.withUses(now) : this.past.total(this.config.mixtures)
  }
}
