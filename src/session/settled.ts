import { Interrupted, type Ongoing } from '../engine/client.js'
import { onAbort } from './on-abort.js'

/** The reply of a request that an abort stops; an abort rejects with the signal's reason, as fetch does. */
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
