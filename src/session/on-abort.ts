import { allowManyListeners } from '../platform/listeners.js'

/**
 * Calls `listener` when `signal` aborts; the function that it gives ends that. Many requests may listen to one signal: Node
 * takes more than ten for a leak, and would say so on stderr.
 */
export function onAbort(signal: AbortSignal | undefined, listener: () => void): () => void {
  if (!signal) return () => undefined
  allowManyListeners(signal)
  signal.addEventListener('abort', listener)
  return () => signal.removeEventListener('abort', listener)
}
