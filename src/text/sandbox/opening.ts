import type { ChildProcess } from 'node:child_process'
import { computedMs } from '../../ground/platform/computed-time.js'

/** Messages to the process: its opening, which it prepares for all requests, then requests. */
export type Question = { opening: unknown } | { request: unknown; milliseconds: number }

/** Messages from the process: it has started and prepares its opening, is ready, or answers. */
export type Reply = { isStarted: true } | { isReady: true } | Answer

export type Answer = { value: unknown } | Failure

/** An error, or the milliseconds of the exceeded limit. */
export type Failure = ({ error: string } | { exceeded: number }) & {
  /** A failure of the opening, which would come again. */
  isForGood?: true
}

/** Factor of the limit after which a process ends even if a busy machine has let it compute less. */
export const MOST_WAITS = 4
/** Minimum ms between two checks of a process. */
const LOOK_MS = 10

/**
 * Calls `end` when a process has computed for `milliseconds` from now on, or after MOST_WAITS times that. If the system
 * does not report the time computed, elapsed time counts. `hasComputed`: the process is known to have used its time.
 * Returns a function that stops watching. Watching does not keep this process alive.
 */
export function atLimit(
  pid: number | undefined,
  milliseconds: number,
  end: (hasComputed: boolean) => void,
): () => void {
  const begun = { at: performance.now(), computed: computedMs(pid) }
  const look = () => {
    const computed = computedMs(pid) - begun.computed
    const waited = performance.now() - begun.at
    const left = Math.min(milliseconds - computed, MOST_WAITS * milliseconds - waited)
    if (left > 0) timer = setTimeout(look, Math.max(left, LOOK_MS)).unref()
    else end(computed >= milliseconds)
  }
  let timer = setTimeout(look, milliseconds).unref()
  return () => clearTimeout(timer)
}

/** Limit of the start, on a busy machine. */
export const START_MS = 20_000
/** Limit of an opening. A vocabulary of 256 thousand tokens takes a fifth of it. */
export const OPENING_MS = 5_000

/** Resolves when a process has prepared its opening, or with its failure. Ends the process at its limit. */
export function whenOpened(child: ChildProcess, openingMs: number): Promise<{ isReady: true } | Failure> {
  return new Promise((resolve) => {
    const exceeded = (limit: number, isForGood: boolean) => {
      child.kill('SIGKILL')
      resolve({ exceeded: limit, ...(isForGood && { isForGood }) })
    }
    const starting = setTimeout(exceeded, START_MS, START_MS, false).unref()
    let stopWatching = () => clearTimeout(starting)
    let hasStarted = false
    child.once('message', () => {
      stopWatching()
      hasStarted = true
      stopWatching = atLimit(child.pid, openingMs, (hasComputed) => exceeded(openingMs, hasComputed))
      child.once('message', (reply: Reply) => {
        stopWatching()
        resolve('error' in reply ? { ...reply, isForGood: true } : (reply as { isReady: true } | Failure))
      })
    })
    child.once('exit', (_code, signal) => {
      stopWatching()
      // It has used up its memory, unless it was killed.
      exceeded(openingMs, hasStarted && signal !== 'SIGKILL')
    })
  })
}
