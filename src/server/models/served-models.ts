import type { Hono } from 'hono'
import type { Model } from '../../api/model.js'
import type { PromptStore } from '../../chat/prompt-cache/prompt-store.js'
import { PrefixCache } from '../../engine/session/shared/prefix-cache.js'
import { UserError } from '../../ground/errors.js'
import { option, phrase } from '../../ground/message.js'
import { checkLanguageModel } from '../../lab/evaluation/check-language-model.js'
import { LIMITS, type Limits } from '../common/limits.js'
import { Bodies } from '../http/bodies.js'
import { isNameOf, unknownModel } from '../http/body.js'
import type { ServerContext } from '../http/context.js'
import { CacheMemory } from '../run/cache-memory.js'
import { KeptPrompts } from '../run/kept-prompts.js'
import { Memory, type ProcessMemory } from '../run/memory.js'
import { Metrics } from '../run/metrics.js'
import { Queue } from '../run/queue.js'
import { ModelLoader } from './model-loader.js'
import { type Equip, ServedModel } from './served-model.js'
import type { ModelSource, ServedExperts } from './source.js'
import { WeightsBudget } from './weights-budget.js'

export interface ModelsOptions {
  /** The only model's name in requests and responses. Default: its own name. */
  alias?: string
  limits?: Partial<Limits>
  /** Bounds the caches of sequences. Default: no bound but the engine's own. */
  memory?: ProcessMemory
  /** Most bytes of weights of all models together. Default: the free memory. */
  weightsBytes?: number
  /** Bytes of `memory` that weights leave free. Default: 0. */
  margin?: number
  /** Milliseconds without a request until experts are freed, and again until the rest is. Default: never. */
  idleMs?: number
  /** Caches of prompts on the disk. Default: none. */
  prompts?: PromptStore
  /** Receives unexpected errors, with the id of the response if there is one. */
  onError?: (error: unknown, requestId?: string) => void
  /** Receives a line for each model that is loaded or freed later than at the start. */
  onModel?: (line: string) => void
}

/** All models of a server, and the parts that they share. */
export class ServedModels {
  readonly all: readonly ServedModel[]
  readonly bodies: Bodies
  readonly metrics: Metrics
  readonly onError: (error: unknown, requestId?: string) => void
  readonly loader: ModelLoader
  private readonly memory: Memory
  private readonly limits: Limits

  /** `endpoints` makes the endpoints of a loaded model. */
  constructor(
    sources: readonly ModelSource[],
    private readonly endpoints: (context: ServerContext) => Hono,
    private readonly options: ModelsOptions = {},
  ) {
    const { memory: process, weightsBytes: limit, margin, idleMs, onModel } = options
    this.limits = { ...LIMITS, ...options.limits }
    this.onError = options.onError ?? ((error, id) => console.error(`${id ?? 'molm'}:`, error))
    this.memory = new Memory(this.limits, process, () => this.all.map(({ memory }) => memory))
    this.bodies = new Bodies(this.memory)
    this.all = sources.map((source) => {
      const queue: Queue = new Queue(this.limits, () => this.loader.rest(served))
      const served: ServedModel = new ServedModel(source, queue, this.limits, this.equip)
      return served
    })
    this.metrics = new Metrics(this.all)
    const budget = new WeightsBudget({ limit, process, margin })
    const { onError } = this
    this.loader = new ModelLoader(this.all, { limits: this.limits, budget, idleMs, onError, onChange: onModel })
  }

  /** A server's only model, which the caller has loaded and disposes. */
  static of(
    model: Model,
    experts: ServedExperts,
    endpoints: (context: ServerContext) => Hono,
    options: ModelsOptions = {},
  ): ServedModels {
    checkLanguageModel(model)
    const load = async () => ({ model, ...experts })
    const models = new ServedModels([{ alias: options.alias, outline: model, load }], endpoints, options)
    models.first.adopt({ model, ...experts })
    return models
  }

  get first(): ServedModel {
    return this.all[0]
  }

  get isClosing(): boolean {
    return this.first.queue.isClosing
  }

  /** Running sequences, and requests without one, of all models together. */
  get counts(): { running: number; waiting: number } {
    const counts = this.all.map((served) => served.counts)
    const sum = (kind: 'running' | 'waiting') => counts.reduce((total, one) => total + one[kind], 0)
    return { running: sum('running'), waiting: sum('waiting') }
  }

  /** The model with a name, by default the first. Throws an ApiError if there is none. */
  named(name?: string): ServedModel {
    if (name === undefined) return this.first
    const called = this.all.filter((served) => isNameOf(name, [served.id, served.name]))
    const found = called.find(({ id }) => isNameOf(name, [id])) ?? called[0]
    if (!found) throw unknownModel(name, ...this.all.map(({ id }) => id))
    return found
  }

  /** Loads the first model. Rejects with a UserError if that fails, or if several models do not all have names of their own. */
  async start(): Promise<void> {
    if (this.all.length > 1) {
      checkNames(this.all)
      for (const { outline } of this.all) checkLanguageModel(outline)
    }
    await this.loader.start(this.first)
  }

  /** Refuses new and waiting requests, waits for running ones up to `drainMs`, and saves kept prompts on the disk. */
  async drain(drainMs: number): Promise<void> {
    await Promise.all([this.loader.close(), ...this.all.map(({ queue }) => queue.close(drainMs))])
    for (const served of this.all) await served.savePrompts()
  }

  async dispose(): Promise<void> {
    for (const served of this.all) await served.unload()
  }

  private readonly equip: Equip = (served, { model, mask, system }) => {
    checkLanguageModel(model)
    const { bodies, memory, metrics, onError, options } = this
    const limits = { ...this.limits, contextTokens: served.contextTokens }
    const cacheMemory = new CacheMemory(model, memory)
    // Starts before the first request, which waits for it and fails if it has failed.
    cacheMemory.ready().catch(() => undefined)
    const kept = options.prompts && new KeptPrompts(options.prompts, model)
    const prefixCache = new PrefixCache(model, limits, cacheMemory, kept)
    const run = { queue: served.queue, prefixCache, metrics: metrics.of(served), limits, memory, mask }
    const context = { model, system, id: served.id, bodies, ...run, onError }
    return { context, app: this.endpoints(context), cacheMemory }
  }
}

function checkNames(all: readonly ServedModel[]): void {
  const ids = all.map(({ id }) => id)
  const twice = ids.find((id, i) => ids.indexOf(id) < i)
  if (twice === undefined) return
  throw new UserError(phrase`two models are called ${twice}: give each a name of its own with ${option('alias')}`)
}
