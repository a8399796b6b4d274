import { allowManyListeners } from '../platform/listeners.js'

/**
 * Calls `listener` when `signal` aborts; the returned function stops listening. Raises Node's limit for the signal,
 * since Node warns of a leak on stderr if more than ten requests share one.
 */
export function onAbort(signal: AbortSignal | undefined, listener: () => void): () => void {
  if (!signal) return () => undefined
  allowManyListeners(signal)
  signal.addEventListener('abort', listener)
  return () => signal.removeEventListener('abort', listener)
}
