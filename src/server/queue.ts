import { ApiError, ClientGone } from './errors.js'
import type { Limits } from './limits.js'

/** A request's place in the queue. */
export interface Ticket {
  /** Aborted when its client has gone, or when the server does not wait for it any longer. */
  readonly signal: AbortSignal
  /** Waits for one of the sequences that may run at once; resolves with what gives it back. Rejects when aborted. */
  slot(): Promise<() => void>
  abort(): void
  /** The request is done with, in whatever way. May be called again. */
  leave(): void
}

/** A sequence that waits for its turn. */
interface Waiting {
  ticket: QueuedRequest
  start(): void
  refuse(error: unknown): void
}

/**
 * Lets so many sequences run at once, and so many requests wait. Sequences start in the order in which they asked; a
 * request of many asks for the next ones when it has had its share, so that others come between.
 */
export class Queue {
  private readonly requests = new Set<QueuedRequest>()
  private readonly waiting: Waiting[] = []
  private running = 0
  private isClosing = false
  private whenEmpty?: () => void
  /** Mean time that a request took, of the latest ones. */
  private meanMs = 1000

  constructor(private readonly limits: Pick<Limits, 'parallel' | 'waiting'>) {}

  get closing(): boolean {
    return this.isClosing
  }

  /** Sequences that run, and requests of which none does. */
  get counts(): { running: number; waiting: number } {
    return { running: this.running, waiting: this.idle().length }
  }

  /** Lets a request in. Throws an ApiError where the queue is full, or closing. */
  enter(client?: AbortSignal): Ticket {
    if (this.isClosing) throw closing()
    const { parallel, waiting } = this.limits
    if (this.running >= parallel && this.idle().length >= waiting) {
      const seconds = Math.ceil((this.meanMs * (this.idle().length / parallel + 1)) / 1000)
      const retryAfter = Math.min(60, Math.max(1, seconds))
      throw new ApiError(429, `${waiting} requests wait already; try again later`, { code: 'queue_full', retryAfter })
    }
    const request = new QueuedRequest(
      client,
      () => this.slot(request),
      () => this.left(request),
    )
    this.requests.add(request)
    return request
  }

  /** Refuses what comes and what waits; resolves when all that runs is done, or has been stopped after `drainMs`. */
  async close(drainMs: number): Promise<void> {
    this.isClosing = true
    for (const entry of this.waiting.filter(({ ticket }) => !ticket.isBegun)) this.refuse(entry, closing())
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

  private idle(): QueuedRequest[] {
    return [...this.requests].filter(({ running }) => running === 0)
  }

  private slot(ticket: QueuedRequest): Promise<() => void> {
    if (ticket.signal.aborted) return Promise.reject(ticket.signal.reason)
    if (this.isClosing && !ticket.isBegun) return Promise.reject(closing())
    return new Promise((resolve, reject) => {
      const abort = () => this.refuse(entry, ticket.signal.reason)
      const entry: Waiting = {
        ticket,
        start: () => {
          ticket.signal.removeEventListener('abort', abort)
          resolve(this.started(ticket))
        },
        refuse: (error) => {
          ticket.signal.removeEventListener('abort', abort)
          reject(error)
        },
      }
      ticket.signal.addEventListener('abort', abort)
      this.waiting.push(entry)
      this.startNext()
    })
  }

  private started(ticket: QueuedRequest): () => void {
    ticket.running++
    ticket.isBegun = true
    return () => {
      ticket.running--
      this.running--
      this.startNext()
    }
  }

  private startNext(): void {
    while (this.running < this.limits.parallel) {
      const next = this.waiting.shift()
      if (!next) return
      this.running++
      next.start()
    }
  }

  private refuse(entry: Waiting, error: unknown): void {
    const at = this.waiting.indexOf(entry)
    if (at < 0) return
    this.waiting.splice(at, 1)
    entry.refuse(error)
  }

  private left(request: QueuedRequest): void {
    if (!this.requests.delete(request)) return
    if (request.isBegun) this.meanMs += (performance.now() - request.enteredAt - this.meanMs) / 16
    if (this.requests.size === 0) this.whenEmpty?.()
  }
}

class QueuedRequest implements Ticket {
  running = 0
  /** Whether any of its sequences has had its turn. */
  isBegun = false
  readonly enteredAt = performance.now()
  readonly leave: () => void
  private readonly controller = new AbortController()

  constructor(
    client: AbortSignal | undefined,
    readonly slot: () => Promise<() => void>,
    left: () => void,
  ) {
    const gone = () => this.abort()
    this.leave = () => {
      client?.removeEventListener('abort', gone)
      left()
    }
    if (client?.aborted) gone()
    else client?.addEventListener('abort', gone)
  }

  get signal(): AbortSignal {
    return this.controller.signal
  }

  abort(reason: Error = new ClientGone('the client has gone')): void {
    this.controller.abort(reason)
  }
}

function closing(): ApiError {
  return new ApiError(503, 'the server is closing', { code: 'closing', retryAfter: 1 })
}
