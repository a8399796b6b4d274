import { ApiError, ClientGone } from '../common/api-error.js'
import { type Limits, mayWait } from '../common/limits.js'

/*
 * `parallel` sequences run at once, each in a place. Half of the places, rounded down, are for the oldest sequences. The
 * others go to clients without a place, then to requests without one, then to the sequences with the least work, then to
 * the oldest. The work of a sequence is what it has written, and some for what it had to read. It counts in steps, since
 * with the exact number all would take turns after each token. A sequence that cannot pass the first step comes before all
 * that can.
 *
 * So a sequence runs to its end unless others wait that have had less. Then it pauses, with its cache, until a place is
 * free. It pauses between two tokens of its answer only: the engine reads short prompts before long ones.
 */

/** Tokens of work at the end of each step. Above the last, sequences follow each other, so that few caches become long. */
const STEPS = [16, 512]
/** Tokens of a prompt that count as one of an answer: reading them delays no other answer. */
const READ = 128

export interface Work {
  /** Tokens of its prompt that are in no cache. */
  unread: number
  /** Most tokens of its answer. */
  answer: number
  /**
   * Called before its first place, to take memory for it. `pausing` sequences, this one among them, are then more than
   * there are places. Returns false to wait until another sequence ends.
   */
  admit?: (pausing: number) => boolean
}

/** A request's place in the queue. */
export interface Ticket {
  /** Aborted when the client disconnects, or when a closing server stops waiting. */
  readonly signal: AbortSignal
  readonly client?: string
  /** Waits until a sequence may run. Rejects if the request is aborted, or with the error that `admit` throws. */
  slot(work: Work): Promise<Slot>
  abort(): void
  /** Ends the request. May be called again. */
  leave(): void
}

/** A sequence that has begun. */
export interface Slot {
  /** Counts a token of the answer, then pauses while others need the place more. Rejects if the request is aborted. */
  turn(): Promise<void>
  release(): void
}

export interface EnterOptions {
  signal?: AbortSignal
  /** The client that sends the request. Default: each request counts as another client. */
  client?: string
  isLarge?: boolean
}

interface QueuedRequest {
  readonly client?: string
  readonly isLarge: boolean
  readonly controller: AbortController
  readonly enteredAt: number
  /** Whether any of its sequences has had a place. */
  isBegun: boolean
}

/** A sequence that waits, runs or pauses. */
interface Sequence {
  readonly request: QueuedRequest
  readonly work: Work
  isBegun: boolean
  /** Whether it could begin but for its memory. */
  lacksMemory: boolean
  written: number
  hasPlace: boolean
  /** Ends its waiting. */
  waiting?: { resolve(): void; reject(error: unknown): void }
}

/** Limits how many sequences run at once, and how many requests wait. */
export class Queue {
  private readonly requests = new Set<QueuedRequest>()
  /** Oldest first. */
  private readonly sequences = new Set<Sequence>()
  isClosing = false
  private whenEmpty?: () => void
  /** Moving average of the time that a request takes. */
  private meanMs = 1000

  /** `onEmpty` is called when the last request has ended. */
  constructor(
    private readonly limits: Pick<Limits, 'parallel' | 'waiting'>,
    private readonly onEmpty: () => void = () => undefined,
  ) {}

  get isEmpty(): boolean {
    return this.requests.size === 0
  }

  get counts(): { running: number; waiting: number } {
    return { running: this.running.length, waiting: this.idle().length }
  }

  /**
   * Adds a request. Requests with large bodies may fill only half of the queue, so that they do not shut out small ones.
   * Throws an ApiError if the queue is full or closing.
   */
  enter({ signal, client, isLarge = false }: EnterOptions = {}): Ticket {
    if (this.isClosing) throw closing()
    const { parallel, waiting } = this.limits
    const idle = this.idle()
    // Requests that have not asked for a place yet will take the free ones.
    const ahead = idle.slice(Math.max(0, parallel - this.running.length))
    const large = idle.filter((other) => other.isLarge)
    if (!mayWait(ahead, client, waiting) || (isLarge && !mayWait(large, client, waiting / 2))) {
      const seconds = Math.ceil((this.meanMs * (idle.length / parallel + 1)) / 1000)
      const retryAfter = Math.min(60, Math.max(1, seconds))
      const many = isLarge ? `${Math.ceil(waiting / 2)} large requests` : `${waiting} requests`
      throw new ApiError(429, `${many} are waiting already; try again later`, { code: 'queue_full', retryAfter })
    }
    const controller = new AbortController()
    const request = { client, isLarge, controller, enteredAt: performance.now(), isBegun: false }
    const abort = () => controller.abort(new ClientGone())
    if (signal?.aborted) abort()
    else signal?.addEventListener('abort', abort)
    this.requests.add(request)
    return {
      signal: controller.signal,
      client,
      slot: (work) => this.slot(request, work),
      abort,
      leave: () => {
        signal?.removeEventListener('abort', abort)
        this.left(request)
      },
    }
  }

  /** Refuses new and waiting requests. Resolves when all running ones have ended; those left after `drainMs` are aborted. */
  async close(drainMs: number): Promise<void> {
    this.isClosing = true
    for (const one of this.sequences) if (!one.request.isBegun) this.refuse(one, closing())
    const timer = setTimeout(() => {
      for (const { controller } of this.requests) controller.abort(closing())
    }, drainMs)
    if (this.requests.size > 0) {
      await new Promise<void>((resolve) => {
        this.whenEmpty = resolve
      })
    }
    clearTimeout(timer)
  }

  private get running(): Sequence[] {
    return [...this.sequences].filter(({ hasPlace }) => hasPlace)
  }

  private idle(): QueuedRequest[] {
    const running = new Set(this.running.map(({ request }) => request))
    return [...this.requests].filter((request) => !running.has(request))
  }

  private async slot(request: QueuedRequest, work: Work): Promise<Slot> {
    request.controller.signal.throwIfAborted()
    if (this.isClosing && !request.isBegun) throw closing()
    const sequence: Sequence = { request, work, isBegun: false, lacksMemory: false, written: 0, hasPlace: false }
    this.sequences.add(sequence)
    const begun = this.wait(sequence)
    this.arrange()
    await begun
    return {
      turn: async () => {
        const step = stepOf(sequence)
        sequence.written++
        if (stepOf(sequence) !== step) this.arrange()
        if (!sequence.hasPlace) await this.wait(sequence)
      },
      release: () => {
        this.sequences.delete(sequence)
        this.arrange()
      },
    }
  }

  /** Resolves once a sequence has a place. */
  private wait(sequence: Sequence): Promise<void> {
    const { signal } = sequence.request.controller
    if (signal.aborted) return Promise.reject(signal.reason)
    return new Promise<void>((resolve, reject) => {
      const abort = () => {
        this.refuse(sequence, signal.reason)
        this.arrange()
      }
      signal.addEventListener('abort', abort)
      const end = (then: () => void) => {
        signal.removeEventListener('abort', abort)
        sequence.waiting = undefined
        then()
      }
      sequence.waiting = { resolve: () => end(resolve), reject: (error) => end(() => reject(error)) }
    })
  }

  /** Gives the places to the sequences that come first. */
  private arrange(): void {
    const places = new Set<Sequence>()
    const [oldest] = this.sequences
    let unread = Number.POSITIVE_INFINITY
    for (const sequence of this.ranked()) {
      if (places.size === this.limits.parallel) break
      // All others are younger than the oldest one. If it lacks memory, none begins until it has got theirs.
      const mayBegin = sequence === oldest || (!oldest.lacksMemory && sequence.work.unread < unread)
      if (sequence.isBegun || (mayBegin && this.begin(sequence))) places.add(sequence)
      else if (sequence.lacksMemory) unread = Math.min(unread, sequence.work.unread)
    }
    for (const sequence of this.sequences) {
      sequence.hasPlace = places.has(sequence)
      if (sequence.hasPlace) sequence.waiting?.resolve()
    }
  }

  /** All sequences; the first ones get the places. */
  private ranked(): Sequence[] {
    const all = [...this.sequences]
    const oldest = all.splice(0, Math.floor(this.limits.parallel / 2))
    const served = new Set<unknown>()
    const rankOf = ({ request }: Sequence) => {
      const owners = [request.client ?? request, request]
      const rank = owners.findIndex((owner) => !served.has(owner))
      for (const owner of owners) served.add(owner)
      return rank < 0 ? owners.length : rank
    }
    for (const sequence of oldest) rankOf(sequence)
    const others = all
      .sort((a, b) => stepOf(a) - stepOf(b))
      .map((sequence) => ({ sequence, rank: rankOf(sequence) }))
      .sort((a, b) => a.rank - b.rank)
    return [...oldest, ...others.map(({ sequence }) => sequence)]
  }

  /** Begins a sequence, or refuses it. Returns false if it is refused, or has no memory now. */
  private begin(sequence: Sequence): boolean {
    const begun = [...this.sequences].filter(({ isBegun }) => isBegun).length
    sequence.lacksMemory = false
    try {
      sequence.lacksMemory = sequence.work.admit?.(Math.max(0, begun + 1 - this.limits.parallel)) === false
    } catch (error) {
      this.refuse(sequence, error)
      return false
    }
    if (sequence.lacksMemory) return false
    sequence.isBegun = true
    sequence.request.isBegun = true
    return true
  }

  private refuse(sequence: Sequence, error: unknown): void {
    this.sequences.delete(sequence)
    sequence.waiting?.reject(error)
  }

  private left(request: QueuedRequest): void {
    if (!this.requests.delete(request)) return
    if (request.isBegun) this.meanMs += (performance.now() - request.enteredAt - this.meanMs) / 16
    // It may have had memory without a place, such as for its body.
    this.arrange()
    if (this.requests.size > 0) return
    this.whenEmpty?.()
    this.onEmpty()
  }
}

/** Step that a sequence's work has reached. */
function stepOf({ work, written }: Sequence): number {
  const read = work.unread / READ
  if (read + work.answer <= STEPS[0]) return 0
  return 1 + STEPS.filter((end) => read + written >= end).length
}

export function closing(): ApiError {
  return new ApiError(503, 'the server is closing', { code: 'closing', retryAfter: 1 })
}
