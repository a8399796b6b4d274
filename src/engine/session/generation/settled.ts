import { allowManyListeners } from '../../../ground/platform/listeners.js'
import { Interrupted, type Ongoing } from '../../run/client.js'

/** Awaits a reply. An abort stops the request and rejects with the signal's reason, as in fetch. */
export async function settled<T>(ongoing: Ongoing<T>, signal?: AbortSignal): Promise<T> {
  const unlisten = onAbort(signal, () => ongoing.stop())
  try {
    return await ongoing.reply
  } catch (error) {
    throw error instanceof Interrupted && signal?.aborted ? signal.reason : error
  } finally {
    unlisten()
  }
}

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
