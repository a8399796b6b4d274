import { setTimeout as wait } from 'node:timers/promises'
import { Hono } from 'hono'
import type { Model } from '#molm/index.js'
import { type ModelsOptions, ServedModels } from '#molm/server/models/served-models.js'
import type { ModelSource, Outline } from '#molm/server/models/source.js'

export interface Script {
  name: string
  /** Size of the whole model, and the least that it needs. Default: 100 and 10. */
  bytes?: number
  leastBytes?: number
  /** Time of a load. Default: 1 ms. */
  loadMs?: number
  /** Called at each load; an error fails it. */
  onLoad?: () => void
  /** Called when experts are freed; an error fails that. Returns false for a model that is not packed. */
  onFree?: () => boolean | Promise<boolean>
}

/** Models that only keep a record of when they are in memory. */
export class ScriptedModels {
  /** Loads and frees, in order: `a in`, `a experts out`, `a out`. */
  readonly log: string[] = []
  /** Names of the models in memory or being loaded, and the `memory` of each. */
  readonly inMemory = new Map<string, number | undefined>()
  /** Most models that were in memory or being loaded at once. */
  mostAtOnce = 0
  /** Most loads at once. */
  mostLoading = 0
  private loading = 0
  readonly served: ServedModels

  constructor(scripts: readonly Script[], options: ModelsOptions = {}) {
    const sources = scripts.map((script) => this.source(script))
    this.served = new ServedModels(sources, () => new Hono(), options)
  }

  static async started(scripts: readonly Script[], options: ModelsOptions = {}): Promise<ScriptedModels> {
    const models = new ScriptedModels(scripts, options)
    await models.served.start()
    return models
  }

  /** Sends a request that takes `work`, in ms or until it resolves; resolves when it has ended. */
  async request(
    name: string,
    work: number | Promise<void> = 1,
    signal = new AbortController().signal,
    client?: string,
  ): Promise<void> {
    const { release } = await this.served.loader.hold(this.served.named(name), signal, client)
    try {
      await (typeof work === 'number' ? wait(work) : work)
    } finally {
      release()
    }
  }

  get states(): Record<string, string> {
    return Object.fromEntries(this.served.all.map(({ id, state }) => [id, state]))
  }

  private source(script: Script): ModelSource {
    const { name, bytes = 100, leastBytes = 10, loadMs = 1, onLoad, onFree = () => true } = script
    const config = { mixtures: [], architecture: 'causal-lm' }
    const outline = { name, config, info: { bytes, leastBytes } } as unknown as Outline
    const stats = { weightsBytes: bytes, budgetBytes: bytes, cacheTokenBytes: 1, cacheSequenceBytes: 0 }
    return {
      outline,
      load: async ({ memory, signal }) => {
        this.inMemory.set(name, memory)
        this.mostAtOnce = Math.max(this.mostAtOnce, this.inMemory.size)
        this.mostLoading = Math.max(this.mostLoading, ++this.loading)
        try {
          await wait(loadMs, undefined, { signal })
          onLoad?.()
        } catch (error) {
          this.inMemory.delete(name)
          throw error
        } finally {
          this.loading--
        }
        this.log.push(`${name} in`)
        const model = {
          ...outline,
          stats: async () => stats,
          expertUses: async () => ({ tokens: 0, uses: {} }),
          freeExperts: async () => {
            const isFreed = await onFree()
            if (isFreed) this.log.push(`${name} experts out`)
            return isFreed
          },
          dispose: async () => {
            await wait(1)
            this.inMemory.delete(name)
            this.log.push(`${name} out`)
          },
        }
        return { model: model as unknown as Model }
      },
    }
  }
}
