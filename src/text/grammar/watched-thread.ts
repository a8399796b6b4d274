import { UserError } from '../../ground/errors.js'
import type { Message } from '../../ground/message.js'
import { computedMsOfThread, lowerPriorityOfThread, systemThreadId } from '../../ground/platform/computed-time.js'
import { endThread, every, SHARES_MEMORY, sharedBuffer, type Thread } from '../../ground/platform/threads.js'

/*
 * Marks in shared memory say for which task a thread is computing, so that another thread can count its time and end it.
 * A page that is not isolated has none: there the thread sends its marks, and they arrive while it computes.
 * The time is the processor's if the system reports it: on a busy machine a thread waits for its turn.
 */

/** Milliseconds between two looks at a thread. */
const LOOK_MS = 50
/** Most of a look's time that counts as one task's: a late look has missed others. */
const MOST_NEW_MS = 100

const [SYSTEM_ID, COUNT, WHO] = [0, 1, 2]

export function workMarks(): Int32Array {
  return new Int32Array(sharedBuffer(12))
}

/** A message of a thread about itself. */
export interface Marks {
  marks: Int32Array
}

/** The computing thread's end: marks the work for `who`, a number from 1 on. */
export class MarkedWork {
  constructor(
    private readonly marks: Int32Array,
    private readonly post: (message: Marks) => void,
  ) {
    Atomics.store(marks, SYSTEM_ID, systemThreadId())
  }

  run<T>(who: number, compute: () => T): T {
    const { marks } = this
    Atomics.add(marks, COUNT, 1)
    this.mark(who)
    try {
      return compute()
    } finally {
      // A thread that is ended, or has no more memory, leaves the mark.
      this.mark(0)
    }
  }

  private mark(who: number): void {
    const { marks } = this
    Atomics.store(marks, WHO, who)
    if (!SHARES_MEMORY) this.post({ marks })
  }
}

/** Message of an error in a thread. `what`: what failed, unless the error is for the user. */
export function failureOf(error: unknown, what: string): Message {
  if (error instanceof UserError) return error.phrase
  return `${what}: ${error instanceof Error ? error.message : String(error)}`
}

function isMarks(message: unknown): message is Marks {
  return (message as Partial<Marks>).marks !== undefined
}

/** Work that was under way at a look. */
export interface Work {
  who: number
  /** Milliseconds of its one computation, from the first look at it on. */
  ms: number
  /** Milliseconds since the look before. */
  newMs: number
}

export interface ThreadEnd {
  /** Number for which it was computing; 0 for none. */
  who: number
  error?: string
}

/** Receives what a thread sends, and learns how it does. */
export interface ThreadEvents<Received> {
  received(message: Received): void
  /** Called from time to time while the thread works. */
  working(work: Work): void
  ended(end: ThreadEnd): void
}

/** The part of a thread that its owner uses. */
export type OwnedThread = Pick<WatchedThread<never>, 'post' | 'attend' | 'letWait' | 'end'>

/** A thread that marks its work, as the thread that started it sees it. */
export class WatchedThread<Received> {
  /** Whether the thread has ended, or is about to. */
  private hasEnded = false
  private isOver = false
  private hasTasks = false
  private isToWait = false
  private stopLooking?: () => void
  private error?: string
  private last = { at: performance.now(), computed: Number.NaN, count: -1 }
  private ms = 0

  constructor(
    private readonly thread: Thread,
    private readonly marks: Int32Array,
    private readonly events: ThreadEvents<Received>,
  ) {
    thread.unref()
    thread.on('message', (message: Received | Marks) => {
      if (isMarks(message)) marks.set(message.marks)
      else events.received(message)
    })
    thread.on('error', (error) => {
      this.error = error.message
    })
    thread.on('exit', () => this.finish())
  }

  post(message: unknown): void {
    this.thread.postMessage(message)
  }

  /** Looks at the thread until it has no tasks and is at rest. `isAwaited`: the process stays alive for it. */
  attend(hasTasks: boolean, isAwaited: boolean): void {
    if (isAwaited) this.thread.ref()
    else this.thread.unref()
    this.hasTasks = hasTasks
    if (!hasTasks || this.stopLooking || this.hasEnded) return
    // The time before belongs to no task.
    this.look()
    this.stopLooking = every(LOOK_MS, () => this.report())
  }

  /** Lets all other threads go before this one from now on. */
  letWait(): void {
    this.isToWait = true
  }

  /** Ends the thread wherever it is; `ended` follows. */
  async end(): Promise<void> {
    this.hasEnded = true
    await endThread(this.thread)
    // Others wait for it, even if Node cannot end the thread.
    this.finish()
  }

  private finish(): void {
    if (this.isOver) return
    this.isOver = true
    this.hasEnded = true
    this.stopLooking?.()
    this.events.ended({ who: Atomics.load(this.marks, WHO), error: this.error })
  }

  private report(): void {
    const systemId = Atomics.load(this.marks, SYSTEM_ID)
    // A thread that has not started yet has no number.
    if (this.isToWait && systemId !== 0) {
      lowerPriorityOfThread(systemId)
      this.isToWait = false
    }
    const work = this.look()
    if (work && !this.hasEnded) this.events.working(work)
    if (work || this.hasTasks) return
    this.stopLooking?.()
    this.stopLooking = undefined
  }

  private look(): Work | undefined {
    const { marks, last } = this
    const [who, count] = [Atomics.load(marks, WHO), Atomics.load(marks, COUNT)]
    const now = { at: performance.now(), computed: computedMsOfThread(Atomics.load(marks, SYSTEM_ID)), count }
    this.last = now
    const elapsed = now.at - last.at
    const computed = Number.isNaN(now.computed - last.computed) ? undefined : now.computed - last.computed
    if (who === 0) {
      this.ms = 0
      return undefined
    }
    this.ms = count === last.count ? this.ms + (computed ?? elapsed) : 0
    return { who, ms: this.ms, newMs: Math.min(computed ?? elapsed, MOST_NEW_MS) }
  }
}
