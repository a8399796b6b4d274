import { Interrupted, type Ongoing } from '../engine/client.js'
import { onAbort } from './on-abort.js'

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
