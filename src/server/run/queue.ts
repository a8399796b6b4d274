import { ApiError } from '../common/api-error.js'
import type { Limits } from '../common/limits.js'
import { type PlaceKind, Places, type Waiting, type Work } from './places.js'
import { QueuedRequest, type Slot, type Ticket } from './ticket.js'

/** A sequence that waits for a place. */
interface Entry extends Waiting {
  readonly holder: QueuedRequest
  /** Larger for sequences that asked later. */
  readonly number: number
  start(kind: PlaceKind): void
  refuse(error: unknown): void
}

/** Limits how many sequences run at once, and how many requests wait. */
export class Queue {
  private readonly requests = new Set<QueuedRequest>()
  private readonly places: Places
  /** In the order of their numbers. */
  private readonly waiting: Entry[] = []
  private sequences = 0
  private isClosing = false
  private whenEmpty?: () => void
  /** Moving average of the time that a request takes. */
  private meanMs = 1000

  /** `onEmpty` is called when the last request has ended. */
  constructor(
    private readonly limits: Pick<Limits, 'parallel' | 'waiting' | 'quickTokens'>,
    private readonly onEmpty: () => void = () => undefined,
  ) {
    this.places = new Places(limits, this.requests)
  }

  get closing(): boolean {
    return this.isClosing
  }

  get isEmpty(): boolean {
    return this.requests.size === 0
  }

  /** Number of running sequences, and of requests without one. */
  get counts(): { running: number; waiting: number } {
    return { running: this.running, waiting: this.idle().length }
  }

  /**
   * Adds a request. Requests with large bodies may fill only half of the queue, so that they do not shut out small ones.
   * Throws an ApiError if the queue is full or closing.
   */
  enter(client?: AbortSignal, isLarge = false): Ticket {
    if (this.isClosing) throw closing()
    const { parallel, waiting } = this.limits
    const idle = this.idle()
    // Requests that have not asked for a place yet will take the free ones.
    const ahead = idle.length - Math.max(0, parallel - this.running)
    const isFull = ahead >= waiting || (isLarge && idle.filter((other) => other.isLarge).length >= waiting / 2)
    if (isFull) {
      const seconds = Math.ceil((this.meanMs * (idle.length / parallel + 1)) / 1000)
      const retryAfter = Math.min(60, Math.max(1, seconds))
      const many = isLarge ? `${Math.ceil(waiting / 2)} large requests` : `${waiting} requests`
      throw new ApiError(429, `${many} are waiting already; try again later`, { code: 'queue_full', retryAfter })
    }
    const request = new QueuedRequest(
      client,
      isLarge,
      (work) => this.slot(request, work),
      () => this.left(request),
    )
    this.requests.add(request)
    return request
  }

  /** Refuses new and waiting requests. Resolves when all running ones have ended; those left after `drainMs` are aborted. */
  async close(drainMs: number): Promise<void> {
    this.isClosing = true
    for (const entry of this.waiting.filter(({ holder }) => !holder.isBegun)) this.refuse(entry, closing())
    const timer = setTimeout(() => {
      for (const request of this.requests) request.abort(closing())
    }, drainMs)
    if (this.requests.size > 0) {
      await new Promise<void>((resolve) => {
        this.whenEmpty = resolve
      })
    }
    clearTimeout(timer)
  }

  private get running(): number {
    return this.places.taken('long', 'quick', 'trial')
  }

  private idle(): QueuedRequest[] {
    return [...this.requests].filter(({ running }) => running === 0)
  }

  private async slot(holder: QueuedRequest, work: Work): Promise<Slot> {
    if (this.isClosing && !holder.isBegun && !holder.signal.aborted) throw closing()
    const { quickTokens } = this.limits
    const number = this.sequences++
    let kind: PlaceKind | undefined = await this.turn({ holder, work, number, isPausing: false })
    const leave = () => {
      if (kind) holder.held[kind]--
      kind = undefined
      this.startNext()
    }
    return {
      get answerTokens() {
        return kind === 'trial' ? quickTokens : Number.POSITIVE_INFINITY
      },
      resume: async () => {
        if (kind !== 'trial') return
        holder.pausing++
        leave()
        try {
          kind = await this.turn({ holder, work: { ...work, admit: undefined }, number, isPausing: true })
        } finally {
          holder.pausing--
        }
      },
      release: leave,
    }
  }

  /** Resolves once a sequence has a place. */
  private turn(waiting: Pick<Entry, 'holder' | 'work' | 'number' | 'isPausing'>): Promise<PlaceKind> {
    const { signal } = waiting.holder
    if (signal.aborted) return Promise.reject(signal.reason)
    return new Promise((resolve, reject) => {
      const abort = () => {
        this.refuse(entry, signal.reason)
        this.startNext()
      }
      const entry: Entry = {
        ...waiting,
        start: (kind) => {
          signal.removeEventListener('abort', abort)
          resolve(kind)
        },
        refuse: (error) => {
          signal.removeEventListener('abort', abort)
          reject(error)
        },
      }
      signal.addEventListener('abort', abort)
      const behind = this.waiting.findIndex(({ number }) => number > entry.number)
      this.waiting.splice(behind < 0 ? this.waiting.length : behind, 0, entry)
      this.startNext()
    })
  }

  private startNext(): void {
    while (this.startOne());
  }

  private startOne(): boolean {
    const { places, waiting } = this
    const startShort = (kind: 'quick' | 'trial') => this.start(places.nextShort(kind, waiting), kind)
    const first = places.nextLong(waiting)
    if (this.start(first, 'long')) return true
    if (!first) return startShort('quick') || startShort('trial')
    // The first in line waits for memory. A pausing sequence has its own and may continue.
    const pausing = waiting.filter(({ isPausing }) => isPausing)
    if (this.start(places.nextLong(waiting, pausing), 'long')) return true
    // Quick ones need little memory and may overtake, unless nothing else runs: then they would keep it from the first.
    return places.taken('long', 'trial') > 0 && startShort('quick')
  }

  /** Gives a waiting sequence its place, or refuses it. Returns false if there is no sequence, or no memory for it now. */
  private start(entry: Entry | undefined, kind: PlaceKind): boolean {
    if (!entry) return false
    try {
      if (entry.work.admit?.(kind) === false) return false
    } catch (error) {
      this.refuse(entry, error)
      return true
    }
    this.waiting.splice(this.waiting.indexOf(entry), 1)
    this.places.give(kind, entry.holder)
    entry.holder.isBegun = true
    entry.start(kind)
    return true
  }

  private refuse(entry: Entry, error: unknown): void {
    const at = this.waiting.indexOf(entry)
    if (at < 0) return
    this.waiting.splice(at, 1)
    entry.refuse(error)
  }

  private left(request: QueuedRequest): void {
    if (!this.requests.delete(request)) return
    if (request.isBegun) this.meanMs += (performance.now() - request.enteredAt - this.meanMs) / 16
    if (this.requests.size > 0) return
    this.whenEmpty?.()
    this.onEmpty()
  }
}

export function closing(): ApiError {
  return new ApiError(503, 'the server is closing', { code: 'closing', retryAfter: 1 })
}
