import { nextTurn } from './platform/threads.js'

/** Most milliseconds that all tasks together hold the event loop at a time. */
const TURN_MS = 8
/** One turn in this number goes to the oldest task, the others to the smallest. */
const OLDEST_EVERY = 4

interface Waiting {
  size: number
  /** Runs it until a time of `performance.now()`; true once it is over. */
  turn(until: number): boolean
}

/** Oldest first. */
const waiting: Waiting[] = []
let turns = 0
let isUnderWay = false

/** Runs a generator of work to its end without a pause. */
export function atOnce<T>(work: Generator<void, T>): T {
  for (;;) {
    const { done, value } = work.next()
    if (done) return value
  }
}

/**
 * Runs a generator of work in turns, between which the event loop has its own. All tasks share these turns, so the
 * event loop waits for one turn only, however many tasks there are. Most turns go to the task of the smallest `size`,
 * so that a short text does not wait for a long one; every fourth goes to the oldest, so that a long one finishes.
 * Rejects with the signal's reason when aborted.
 */
export async function inTurns<T>(work: Iterator<void, T>, size: number, signal?: AbortSignal): Promise<T> {
  signal?.throwIfAborted()
  let stop: (() => void) | undefined
  try {
    return await new Promise<T>((resolve, reject) => {
      const entry: Waiting = {
        size,
        turn(until) {
          try {
            do {
              const { done, value } = work.next()
              if (done) {
                resolve(value)
                return true
              }
            } while (performance.now() < until)
            return false
          } catch (error) {
            reject(error)
            return true
          }
        },
      }
      stop = () => {
        remove(entry)
        reject(signal?.reason)
      }
      signal?.addEventListener('abort', stop)
      waiting.push(entry)
      if (!isUnderWay) runTurn()
    })
  } finally {
    if (stop) signal?.removeEventListener('abort', stop)
  }
}

/** Runs indivisible work as `inTurns` does: at once if no task is under way, else in its own turn. */
export function inOneTurn<T>(work: () => T, size: number, signal?: AbortSignal): Promise<T> {
  return inTurns({ next: () => ({ done: true, value: work() }) }, size, signal)
}

function runTurn(): void {
  isUnderWay = waiting.length > 0
  if (!isUnderWay) return
  const next = ++turns % OLDEST_EVERY === 0 ? waiting[0] : smallest()
  if (next.turn(performance.now() + TURN_MS)) remove(next)
  nextTurn(runTurn)
}

function remove(entry: Waiting): void {
  const at = waiting.indexOf(entry)
  if (at >= 0) waiting.splice(at, 1)
}

function smallest(): Waiting {
  return waiting.reduce((best, entry) => (entry.size < best.size ? entry : best))
}
