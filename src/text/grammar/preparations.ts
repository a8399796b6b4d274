import { Busy, UserError } from '../../ground/errors.js'
import { formName } from './form-name.js'
import type { GuideLimits } from './guide-limits.js'
import type { PreparedGrammar, PrepareReply, PrepareRequest } from './protocol.js'
import type { OwnedThread, ThreadEvents } from './watched-thread.js'

/*
 * Grammars are prepared in two lanes, one at a time in each. A new grammar begins in the quick lane. One that takes long
 * continues in the slow lane or waits for it, so that a simple grammar waits for one slow one at most, however many there
 * are. The grammars of a guide follow each other. The smallest guide comes first, and the oldest after every two seconds of
 * computing in the quick lane.
 */

/** Seconds after which a slow grammar may be tried again. */
const RETRY_AFTER = 10
/** Most grammars, and bytes of them, that stay prepared. */
const MOST_GRAMMARS = 64
const MOST_BYTES = 2 ** 25

/** Time of a grammar before the first look at it. Most have ended by then. */
const UNSEEN_MS = 25

interface Order {
  readonly characters: number
  readonly prepared: Map<string, PreparedGrammar>
  /** Grammars that are not prepared yet. */
  readonly jobs: Set<Job>
  resolve(): void
  reject(error: unknown): void
}

interface Job {
  readonly id: number
  readonly grammar: string
  readonly orders: Set<Order>
}

interface Lane {
  thread?: OwnedThread
  job?: Job
}

export class Preparations {
  private quick: Lane = {}
  private slow: Lane = {}
  private readonly known = new PreparedGrammars()
  private readonly jobs = new Map<string, Job>()
  /** Jobs that wait, oldest first. */
  private readonly fresh: Job[] = []
  private readonly waitingSlow: Job[] = []
  private count = 0
  /** The guide whose grammar came last into the quick lane. */
  private last?: Order
  /** Milliseconds computed in the quick lane since the oldest came first. */
  private sinceOldest = 0
  /** The part of them for the grammar that is there. */
  private ofJob = 0
  private isClosed = false

  constructor(
    private readonly start: (events: ThreadEvents<PrepareReply>) => OwnedThread,
    private readonly limits: Pick<GuideLimits, 'quickMs' | 'mostMs' | 'oldestMs' | 'waiting'>,
  ) {}

  /** Prepares grammars, given as JSON. Rejects with a UserError about one, with Busy, or with the signal's reason. */
  async prepare(grammars: readonly string[], signal?: AbortSignal): Promise<PreparedGrammar[]> {
    signal?.throwIfAborted()
    if (this.isClosed) throw disposed()
    const prepared = new Map<string, PreparedGrammar>()
    const done = new AbortController()
    try {
      await new Promise<void>((resolve, reject) => {
        const characters = grammars.reduce((sum, { length }) => sum + length, 0)
        const order: Order = { characters, prepared, jobs: new Set(), resolve, reject }
        for (const grammar of grammars) {
          const known = this.known.get(grammar)
          if (known) {
            prepared.set(grammar, known)
            continue
          }
          const job = this.jobs.get(grammar) ?? this.addJob(grammar)
          job.orders.add(order)
          order.jobs.add(job)
        }
        if (order.jobs.size === 0) resolve()
        signal?.addEventListener('abort', () => this.give(order, signal.reason), { signal: done.signal })
        this.startNext()
      })
    } finally {
      done.abort()
    }
    return grammars.map((grammar) => prepared.get(grammar) as PreparedGrammar)
  }

  async close(): Promise<void> {
    this.isClosed = true
    const threads = [this.quick, this.slow].map((lane) => this.emptied(lane))
    for (const job of this.jobs.values()) this.refuse(job, disposed())
    await Promise.all(threads)
  }

  private addJob(grammar: string): Job {
    const job: Job = { id: ++this.count, grammar, orders: new Set() }
    this.jobs.set(grammar, job)
    this.fresh.push(job)
    return job
  }

  /** Gives up an order, and the jobs that no other waits for. */
  private give(order: Order, error: unknown): void {
    order.reject(error)
    for (const job of order.jobs) {
      job.orders.delete(order)
      if (job.orders.size === 0) this.drop(job)
    }
    order.jobs.clear()
    this.startNext()
  }

  /** Forgets a job. One in the quick lane is over soon. */
  private drop(job: Job): void {
    if (this.quick.job === job) return
    this.jobs.delete(job.grammar)
    for (const list of [this.fresh, this.waitingSlow]) if (list.includes(job)) list.splice(list.indexOf(job), 1)
    if (this.slow.job === job) void this.emptied(this.slow)
  }

  private startNext(): void {
    if (this.isClosed) return
    if (!this.quick.job) this.run(this.quick, this.nextFresh())
    if (!this.slow.job) this.run(this.slow, this.waitingSlow.shift())
    this.slow.thread?.letWait()
    // Only the thread for new grammars stays at rest.
    if (!this.slow.job) void this.emptied(this.slow)
  }

  private nextFresh(): Job | undefined {
    const { fresh, last } = this
    let next = last && fresh.find(({ orders }) => orders.has(last))
    if (!next && fresh.length > 0) {
      const isOldest = this.sinceOldest >= this.limits.oldestMs
      if (isOldest) this.sinceOldest = 0
      next = isOldest ? fresh[0] : fresh.reduce((a, b) => (smallestOf(b).characters < smallestOf(a).characters ? b : a))
    }
    if (!next) return undefined
    fresh.splice(fresh.indexOf(next), 1)
    this.sinceOldest += UNSEEN_MS
    this.ofJob = 0
    if (!last || !next.orders.has(last)) this.last = smallestOf(next)
    return next
  }

  private run(lane: Lane, job: Job | undefined): void {
    if (!job) return
    lane.job = job
    lane.thread ??= this.startThread()
    lane.thread.attend(true, true)
    lane.thread.post({ id: job.id, grammar: job.grammar } satisfies PrepareRequest)
  }

  private startThread(): OwnedThread {
    const laneOfThread = () => [this.quick, this.slow].find((lane) => lane.thread === thread)
    const thread: OwnedThread = this.start({
      received: (reply) => {
        const lane = laneOfThread()
        if (lane) this.received(lane, reply)
      },
      working: (work) => {
        const lane = laneOfThread()
        if (lane?.job?.id === work.who) this.working(lane, lane.job, work.ms)
      },
      ended: ({ error = 'its thread has ended' }) => {
        const lane = laneOfThread()
        if (!lane) return
        const { job } = lane
        void this.emptied(lane)
        if (job) this.refuse(job, new UserError(`${nameOf(job)}: it cannot be prepared: ${error}`))
        this.startNext()
      },
    })
    return thread
  }

  private received(lane: Lane, { words, error }: PrepareReply): void {
    const { job, thread } = lane
    lane.job = undefined
    thread?.attend(false)
    if (job && words) {
      this.jobs.delete(job.grammar)
      const prepared = this.known.add(job.grammar, words)
      for (const order of job.orders) {
        order.prepared.set(job.grammar, prepared)
        order.jobs.delete(job)
        if (order.jobs.size === 0) order.resolve()
      }
    } else if (job) this.refuse(job, new UserError(error ?? ''))
    this.startNext()
  }

  private working(lane: Lane, job: Job, ms: number): void {
    const { quickMs, mostMs, waiting } = this.limits
    if (lane === this.quick) {
      this.sinceOldest += ms - this.ofJob
      this.ofJob = ms
    }
    if (ms < (lane === this.quick ? quickMs : mostMs)) return
    if (lane === this.quick) this.last = undefined
    if (lane === this.quick && !this.slow.job && job.orders.size > 0) {
      this.quick = this.slow
      this.slow = lane
    } else if (lane === this.slow) {
      void this.emptied(lane)
      const limit = `${mostMs / 1000} seconds of computing`
      this.refuse(job, new UserError(`${nameOf(job)}: it took more than ${limit} to prepare`))
    } else {
      void this.emptied(lane)
      if (job.orders.size === 0) this.jobs.delete(job.grammar)
      else if (this.waitingSlow.length < waiting) this.waitingSlow.push(job)
      else this.refuse(job, new Busy(`${nameOf(job)}: too many large forms are waiting; try again later`, RETRY_AFTER))
    }
    this.startNext()
  }

  private refuse(job: Job, error: Error): void {
    this.jobs.delete(job.grammar)
    for (const order of job.orders) {
      order.jobs.delete(job)
      this.give(order, error)
    }
  }

  private async emptied(lane: Lane): Promise<void> {
    const { thread } = lane
    lane.thread = undefined
    lane.job = undefined
    await thread?.end()
  }
}

function smallestOf({ orders }: Job): Order {
  return [...orders].reduce((a, b) => (b.characters < a.characters ? b : a))
}

function nameOf({ grammar }: Job): string {
  return formName(JSON.parse(grammar))
}

function disposed(): Error {
  return new Error('the model has been disposed')
}

/** The grammars that were prepared last. */
class PreparedGrammars {
  /** By their JSON, the one used last at the end. */
  private readonly all = new Map<string, PreparedGrammar>()
  private bytes = 0
  private count = 0

  get(grammar: string): PreparedGrammar | undefined {
    const known = this.all.get(grammar)
    if (known) {
      this.all.delete(grammar)
      this.all.set(grammar, known)
    }
    return known
  }

  add(grammar: string, words: SharedArrayBuffer): PreparedGrammar {
    const prepared = { number: this.count++, words }
    this.all.set(grammar, prepared)
    this.bytes += bytesOf(grammar, prepared)
    for (const [oldest, one] of this.all) {
      if (this.all.size <= MOST_GRAMMARS && this.bytes <= MOST_BYTES) break
      this.all.delete(oldest)
      this.bytes -= bytesOf(oldest, one)
    }
    return prepared
  }
}

function bytesOf(grammar: string, { words }: PreparedGrammar): number {
  return 2 * grammar.length + words.byteLength
}
