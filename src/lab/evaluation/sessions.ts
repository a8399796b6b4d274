import { allowManyListeners } from '../../ground/platform/listeners.js'

/** Maximum tokens of all sequences under way: their caches take memory. */
const MOST_TOKENS = 4096

/** Number of sequences of `tokens` tokens that may be under way: `wanted`, fewer if they are long, at least two. */
export function sequencesAtOnce(tokens: number, wanted: number): number {
  return Math.max(2, Math.min(wanted, Math.floor(MOST_TOKENS / tokens)))
}

/**
 * Runs work with a new signal, which is aborted with the caller's. Many calls listen at once, and Node warns of a
 * leak if more than ten listen to one signal.
 */
export async function withOwnSignal<T>(
  signal: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted()
  const own = new AbortController()
  allowManyListeners(own.signal)
  const abort = () => own.abort(signal?.reason)
  signal?.addEventListener('abort', abort)
  try {
    return await work(own.signal)
  } finally {
    signal?.removeEventListener('abort', abort)
  }
}
