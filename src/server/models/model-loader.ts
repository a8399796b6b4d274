import type { Hono } from 'hono'
import { UserError } from '../../ground/errors.js'
import { phrase } from '../../ground/message.js'
import { ApiError, ClientGone } from '../common/api-error.js'
import { type Limits, mayWait } from '../common/limits.js'
import { closing } from '../run/queue.js'
import type { ServedModel } from './served-model.js'
import type { WeightsBudget } from './weights-budget.js'

/** A request's hold on a model, which stays in memory until it is released. */
export interface Hold {
  app: Hono
  /** May be called again. */
  release(): void
}

/** A request that waits for its model. */
interface Waiting {
  served: ServedModel
  client?: string
  start(): void
  refuse(error: unknown): void
}

export interface LoaderOptions {
  limits: Pick<Limits, 'waiting'>
  budget: WeightsBudget
  /** Milliseconds without a request until a model's experts are freed, and then until all of it is. Default: never. */
  idleMs?: number
  /** Receives errors that no request reports. */
  onError(error: unknown): void
  /** Receives a line for each model that is loaded or freed. */
  onChange?(line: string): void
}

/**
 * Loads and frees models, one at a time, so that the memory of two loads never adds up. The oldest request whose model is
 * absent is next. If its model does not fit, the least recently used one without requests makes room. If all are in use,
 * the least recently used one gets no new requests until its own have ended. Once a model is loaded, all requests that
 * wait for it start. So every model gets its turn, and none waits for more than one turn of each other model.
 */
export class ModelLoader {
  private readonly waiting: Waiting[] = []
  /** Model that makes room for the first in line once its requests have ended; new ones wait. */
  private leaving?: { for: Waiting; model: ServedModel }
  /** Model that is being loaded or freed, or that room is made for. */
  private changing?: ServedModel
  private change?: Promise<void>
  private readonly timers = new Map<ServedModel, NodeJS.Timeout>()
  private readonly closed = new AbortController()

  constructor(
    private readonly models: readonly ServedModel[],
    private readonly options: LoaderOptions,
  ) {}

  /**
   * Resolves once the model is in memory. Rejects with an ApiError if it cannot be loaded, too many requests wait, or the
   * server closes, and with ClientGone if the client disconnects.
   */
  hold(served: ServedModel, signal: AbortSignal, client?: string): Promise<Hold> {
    if (this.closed.signal.aborted) return Promise.reject(closing())
    if (signal.aborted) return Promise.reject(new ClientGone())
    if (this.isOpen(served)) return Promise.resolve(this.give(served))
    const { waiting: most } = this.options.limits
    if (!mayWait(this.waiting, client, most)) return Promise.reject(tooManyWaiting(most))
    return new Promise((resolve, reject) => {
      const leave = () => {
        signal.removeEventListener('abort', abort)
        const at = this.waiting.indexOf(waiting)
        if (at < 0) return
        this.waiting.splice(at, 1)
        served.awaiting--
      }
      const waiting: Waiting = {
        served,
        client,
        start: () => {
          leave()
          resolve(this.give(served))
        },
        refuse: (error) => {
          leave()
          reject(error)
        },
      }
      const abort = () => {
        waiting.refuse(new ClientGone())
        this.proceed()
      }
      signal.addEventListener('abort', abort)
      this.waiting.push(waiting)
      served.awaiting++
      this.proceed()
    })
  }

  /** Loads the first model. Rejects with the error of its source. */
  async start(served: ServedModel): Promise<void> {
    const memory = this.options.budget.alone(served)
    await served.load({ memory, signal: this.closed.signal })
    this.options.budget.grant(served, memory)
    this.waitIdle(served)
  }

  /** Whether requests of a model start at once. */
  isOpen(served: ServedModel): boolean {
    return served.isInMemory && served !== this.leaving?.model && served !== this.changing
  }

  /** Notes that a model may have no requests any more. */
  rest(served: ServedModel): void {
    if (!served.isIdle || this.closed.signal.aborted) return
    served.lastUsed = performance.now()
    this.waitIdle(served)
    this.proceed()
  }

  /** Refuses all that wait, and ends a loading. Resolves once nothing changes any more. */
  async close(): Promise<void> {
    this.closed.abort()
    for (const timer of this.timers.values()) clearTimeout(timer)
    for (const waiting of [...this.waiting]) waiting.refuse(closing())
    await this.change
  }

  private give(served: ServedModel): Hold {
    served.users++
    served.lastUsed = performance.now()
    if (served.state === 'sleeping') {
      served.state = 'loaded'
      this.note(served, 'reads its experts again')
    }
    clearTimeout(this.timers.get(served))
    let isHeld = true
    const release = () => {
      if (!isHeld) return
      isHeld = false
      served.users--
      this.rest(served)
    }
    return { app: served.app, release }
  }

  /** Starts the requests that can start, and the next change. */
  private proceed(): void {
    if (this.closed.signal.aborted) return
    const first = this.waiting.find(({ served }) => !served.isInMemory)
    if (this.leaving?.for !== first) this.leaving = undefined
    for (const waiting of [...this.waiting]) if (this.isOpen(waiting.served)) waiting.start()
    if (!first || this.changing) return
    const isWaiting = this.leaving?.model.isInMemory && !this.others(first.served).some(({ isIdle }) => isIdle)
    if (!isWaiting) this.run(first.served, () => this.makeReady(first))
  }

  /** Loads the model of the first in line, or makes room for it. */
  private async makeReady(first: Waiting): Promise<void> {
    const { served } = first
    await Promise.all(this.others(served).map((other) => other.look()))
    // Its client may have left meanwhile.
    if (!this.waiting.includes(first)) return
    const others = this.others(served)
    try {
      const granted = this.options.budget.for(served, others)
      if (granted) return await this.load(served, granted.memory)
    } catch (error) {
      return this.refuseAll(served, error)
    }
    const byUse = others.sort((a, b) => a.lastUsed - b.lastUsed)
    const idle = byUse.find(({ isIdle }) => isIdle)
    if (!idle) {
      // Once its requests have ended, `rest` comes back to this.
      this.leaving = { for: first, model: byUse[0] }
      return
    }
    this.changing = idle
    await this.unload(idle, `makes room for ${served.id}`)
  }

  /** The models in memory in addition to one. */
  private others(served: ServedModel): ServedModel[] {
    return this.models.filter((other) => other !== served && other.isInMemory)
  }

  private run(served: ServedModel, work: () => Promise<void>): void {
    this.changing = served
    clearTimeout(this.timers.get(served))
    this.change = work().finally(() => {
      this.changing = undefined
      this.proceed()
    })
  }

  private async load(served: ServedModel, memory?: number): Promise<void> {
    const started = performance.now()
    try {
      await served.load({ memory, signal: this.closed.signal })
      this.options.budget.grant(served, memory)
      this.note(served, `loaded in ${Math.round(performance.now() - started)} ms`)
      this.waitIdle(served)
    } catch (error) {
      this.refuseAll(served, asUnavailable(served, error))
    }
  }

  private async unload(served: ServedModel, reason: string): Promise<void> {
    try {
      await served.unload()
      this.note(served, `memory freed: ${reason}`)
    } catch (error) {
      this.options.onError(error)
    }
  }

  private async freeExperts(served: ServedModel): Promise<void> {
    try {
      await served.freeExperts()
      if (served.state === 'sleeping') this.note(served, 'experts freed: idle')
      this.waitIdle(served, true)
    } catch (error) {
      if (error instanceof UserError) this.note(served, `memory freed: ${error.message}`)
      else this.options.onError(error)
    }
  }

  /** Frees the experts of a model, or all of it if they have been, unless a request comes in time. */
  private waitIdle(served: ServedModel, hasSlept = false): void {
    const { idleMs } = this.options
    clearTimeout(this.timers.get(served))
    if (!idleMs) return
    const free = () => {
      if (this.closed.signal.aborted || !served.isIdle || !served.isInMemory) return
      if (this.changing) this.change?.then(free)
      else if (hasSlept) this.run(served, () => this.unload(served, 'idle'))
      else this.run(served, () => this.freeExperts(served))
    }
    this.timers.set(served, setTimeout(free, idleMs).unref())
  }

  private refuseAll(served: ServedModel, error: unknown): void {
    for (const waiting of this.waiting.filter((one) => one.served === served)) waiting.refuse(error)
  }

  private note({ id }: ServedModel, what: string): void {
    this.options.onChange?.(`${id}: ${what}`)
  }
}

/** Error for requests whose model could not be loaded. */
function asUnavailable({ id }: ServedModel, error: unknown): unknown {
  if (!(error instanceof UserError)) return error
  const message = phrase`${id} cannot be loaded: ${error}`
  return new ApiError(503, message, { param: 'model', code: 'model_unavailable' })
}

function tooManyWaiting(waiting: number): ApiError {
  const message = `${waiting} requests wait for their models already; try again later`
  return new ApiError(429, message, { code: 'queue_full', retryAfter: 10 })
}
