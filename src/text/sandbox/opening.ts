import type { ChildProcess } from 'node:child_process'
import type { Failure, Reply } from './messages.js'
import { atLimit } from './time-limit.js'

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
