import { UsageError } from '../errors.js'
import { MAX_THREADS } from '../runtime/abi/control.js'

/** Threads of an engine at most. */
export { MAX_THREADS } from '../runtime/abi/control.js'

/** Throws a UsageError unless so many threads can be had. */
export function checkThreads(threads: number): void {
  if (Number.isInteger(threads) && threads >= 1 && threads <= MAX_THREADS) return
  throw new UsageError(`\`threads\` must be a whole number from 1 to ${MAX_THREADS}`)
}
