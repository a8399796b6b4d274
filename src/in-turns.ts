/** Longest that works hold the event loop at a time, all of them together. */
const TURN_MS = 8
/** Of so many turns one goes to the oldest work, the others to the smallest. */
const OLDEST_EVERY = 4

/** Work that waits for its next turn. */
interface Waiting {
  size: number
  /** Runs it until a time of `performance.now()`; true once it is over. */
  turn(until: number): boolean
}

/** Oldest first. */
const waiting: Waiting[] = []
let turns = 0
let isUnderWay = false

/** Does work that yields now and then all at once. */
export function atOnce<T>(work: Generator<void, T>): T {
  for (;;) {
    const { done, value } = work.next()
    if (done) return value
  }
}

/**
 * Does work with turns of the event loop in between, which all such works share: the event loop waits for one turn only,
 * however many there are. Most turns go to the work of the least `size`, so that a short text does not wait for a long
 * one; each fourth goes to the oldest, so that a long one comes to its end. Rejects with the signal's reason when aborted.
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

/** Does a piece of work that cannot be divided, as `inTurns` does: at once if nothing is under way, else in a turn of its own. */
export function inOneTurn<T>(work: () => T, size: number, signal?: AbortSignal): Promise<T> {
  return inTurns({ next: () => ({ done: true, value: work() }) }, size, signal)
}

function runTurn(): void {
  isUnderWay = waiting.length > 0
  if (!isUnderWay) return
  const next = ++turns % OLDEST_EVERY === 0 ? waiting[0] : smallest()
  if (next.turn(performance.now() + TURN_MS)) remove(next)
  setImmediate(runTurn)
}

function remove(entry: Waiting): void {
  const at = waiting.indexOf(entry)
  if (at >= 0) waiting.splice(at, 1)
}

/** The oldest of those that are the smallest. */
function smallest(): Waiting {
  return waiting.reduce((best, entry) => (entry.size < best.size ? entry : best))
}
