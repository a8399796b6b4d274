import { ApiError, ClientGone } from './errors.js'
import type { Limits } from './limits.js'

/*
 * Sequences get the `parallel` places in the order in which they ask and keep them to their end, at most half of them for
 * one request while others wait; places beyond its half, which it got while nothing waited, are not counted against others.
 * Half as many quick places are for requests that run nothing yet and need at most `quickTokens`, prompt and answer together.
 * So a short request waits for other short ones only, and at most twice `parallel` sequences run.
 */

/** A request's place in the queue. */
export interface Ticket {
  /** Aborted when its client has gone, or when the closing server no longer waits for it. */
  readonly signal: AbortSignal
  /**
   * Waits until one of its sequences may run; resolves with a function that gives the place back. Rejects when the
   * request is aborted, or with the error that `admit` throws.
   */
  slot(work: Work): Promise<() => void>
  abort(): void
  /** Ends the request. May be called again. */
  leave(): void
}

/** The work of one sequence. */
export interface Work {
  /** Tokens of its prompt that would have to be read now, and of its answer at most. */
  tokens(): number
  /** Called when there is a place: takes memory for the sequence; false lets it wait until another one ends. */
  admit?: () => boolean
}

/** A sequence that waits for its place. */
interface Waiting extends Work {
  ticket: QueuedRequest
  start(giveBack: () => void): void
  refuse(error: unknown): void
}

/** Lets sequences run, a limited number at once, and requests wait, a limited number too. */
export class Queue {
  private readonly requests = new Set<QueuedRequest>()
  private readonly waiting: Waiting[] = []
  private isClosing = false
  private whenEmpty?: () => void
  /** Mean time that a request took, of the latest ones. */
  private meanMs = 1000

  constructor(private readonly limits: Pick<Limits, 'parallel' | 'waiting' | 'quickTokens'>) {}

  get closing(): boolean {
    return this.isClosing
  }

  /** Sequences that run, and requests of which none does. */
  get counts(): { running: number; waiting: number } {
    return { running: this.running, waiting: this.idle().length }
  }

  /**
   * Lets a request in; one with a large body only while fewer than half of those that wait have one, so that many of them
   * do not shut small requests out. Throws an ApiError if the queue is full or closing.
   */
  enter(client?: AbortSignal, isLarge = false): Ticket {
    if (this.isClosing) throw closing()
    const { parallel, waiting } = this.limits
    const idle = this.idle()
    // Those that have not asked for a place yet, as while their texts are encoded, will take the places that are free.
    const ahead = idle.length - Math.max(0, parallel - this.running)
    const isFull = ahead >= waiting || (isLarge && idle.filter((other) => other.isLarge).length >= waiting / 2)
    if (isFull) {
      const seconds = Math.ceil((this.meanMs * (idle.length / parallel + 1)) / 1000)
      const retryAfter = Math.min(60, Math.max(1, seconds))
      const many = isLarge ? `${Math.ceil(waiting / 2)} large requests` : `${waiting} requests`
      throw new ApiError(429, `${many} wait already; try again later`, { code: 'queue_full', retryAfter })
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

  /** Refuses new and waiting requests; resolves when all that run have ended, or have been stopped after `drainMs`. */
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

  private get running(): number {
    return [...this.requests].reduce((sum, { running }) => sum + running, 0)
  }

  private idle(): QueuedRequest[] {
    return [...this.requests].filter(({ running }) => running === 0)
  }

  private slot(ticket: QueuedRequest, work: Work): Promise<() => void> {
    if (ticket.signal.aborted) return Promise.reject(ticket.signal.reason)
    if (this.isClosing && !ticket.isBegun) return Promise.reject(closing())
    return new Promise((resolve, reject) => {
      const abort = () => {
        this.refuse(entry, ticket.signal.reason)
        this.startNext()
      }
      const entry: Waiting = {
        ...work,
        ticket,
        start: (giveBack) => {
          ticket.signal.removeEventListener('abort', abort)
          resolve(giveBack)
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

  private startNext(): void {
    while (this.start(this.nextInOrder(), 'placed') || this.start(this.nextQuick(), 'quick'));
  }

  /** The first waiting sequence that may have one of the `parallel` places. */
  private nextInOrder(): Waiting | undefined {
    const { parallel } = this.limits
    const requests = [...this.requests]
    const taken = requests.reduce((sum, { placed }) => sum + Math.min(placed, this.half), 0)
    const all = requests.reduce((sum, { placed }) => sum + placed, 0)
    return this.waiting.find(({ ticket }) => {
      if (ticket.placed < this.half) return taken < parallel
      return all < parallel && this.waiting.every((other) => other.ticket === ticket)
    })
  }

  /** The first waiting sequence that may have a quick place. */
  private nextQuick(): Waiting | undefined {
    const taken = [...this.requests].reduce((sum, { quick }) => sum + quick, 0)
    if (taken >= this.half) return undefined
    return this.waiting.find(({ ticket, tokens }) => ticket.running === 0 && tokens() <= this.limits.quickTokens)
  }

  private get half(): number {
    return Math.ceil(this.limits.parallel / 2)
  }

  /** Gives a waiting sequence its place, or its refusal. False if there is none, or no memory for it now. */
  private start(entry: Waiting | undefined, place: 'placed' | 'quick'): boolean {
    if (!entry) return false
    try {
      if (entry.admit?.() === false) return false
    } catch (error) {
      this.refuse(entry, error)
      return true
    }
    this.waiting.splice(this.waiting.indexOf(entry), 1)
    const { ticket } = entry
    ticket[place]++
    ticket.isBegun = true
    entry.start(() => {
      ticket[place]--
      this.startNext()
    })
    return true
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
  /** Its sequences that run in one of the `parallel` places, and in quick ones. */
  placed = 0
  quick = 0
  /** Whether any of its sequences has had its turn. */
  isBegun = false
  readonly enteredAt = performance.now()
  readonly leave: () => void
  private readonly controller = new AbortController()

  constructor(
    client: AbortSignal | undefined,
    readonly isLarge: boolean,
    readonly slot: (work: Work) => Promise<() => void>,
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

  get running(): number {
    return this.placed + this.quick
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
