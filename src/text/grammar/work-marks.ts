import { UserError } from '../../ground/errors.js'
import type { Message } from '../../ground/message.js'
import { computedMsOfThread, lowerPriorityOfThread, systemThreadId } from '../../ground/platform/computed-time.js'

/*
 * Marks in shared memory that say for which guide a thread is computing, so that another thread can count its time and end
 * it. The time is the processor's if the system reports it: on a busy machine a thread waits for its turn.
 */

/** Most of a look's time that counts as one guide's: a late look has missed others. */
const MOST_NEW_MS = 100

const [SYSTEM_ID, COUNT, WHO] = [0, 1, 2]

export function workMarks(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(12))
}

/** Lets all others go before a thread. Returns false if it has not started yet. */
export function lowerPriority(marks: Int32Array): boolean {
  const systemId = Atomics.load(marks, SYSTEM_ID)
  lowerPriorityOfThread(systemId)
  return systemId !== 0
}

/** Number for which a thread is computing; 0 for none. */
export function workerOf(marks: Int32Array): number {
  return Atomics.load(marks, WHO)
}

/** The computing thread's end: marks the work for `who`, a number from 1 on. */
export class MarkedWork {
  constructor(private readonly marks: Int32Array) {
    Atomics.store(marks, SYSTEM_ID, systemThreadId())
  }

  run<T>(who: number, compute: () => T): T {
    const { marks } = this
    Atomics.add(marks, COUNT, 1)
    Atomics.store(marks, WHO, who)
    try {
      return compute()
    } finally {
      // A thread that is ended, or has no more memory, leaves the mark.
      Atomics.store(marks, WHO, 0)
    }
  }
}

/** Message of an error in a thread. `what`: what failed, unless the error is for the user. */
export function failureOf(error: unknown, what: string): Message {
  if (error instanceof UserError) return error.phrase
  return `${what}: ${error instanceof Error ? error.message : String(error)}`
}

/** Work that was under way at a look. */
export interface Work {
  who: number
  /** Milliseconds of its one computation, from the first look at it on. */
  ms: number
  /** Milliseconds since the look before. */
  newMs: number
}

/** The watching thread's end. */
export class WorkWatch {
  private last = { at: performance.now(), computed: Number.NaN, count: -1 }
  private ms = 0

  constructor(private readonly marks: Int32Array) {}

  look(): Work | undefined {
    const { marks, last } = this
    const [who, count] = [workerOf(marks), Atomics.load(marks, COUNT)]
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
