import {
  CHANNEL,
  type EndOfBytes,
  type FetchedBytes,
  type RemovedFile,
} from '../ground/platform/fetched-file.browser.js'
import { openMailbox, threadData } from '../ground/platform/threads.js'
import { type About, Log, lockOf } from './kept-files.js'

/*
 * A thread that keeps what the threads of all tabs fetch of a file. Only workers may write to the origin's own file system
 * piece by piece, so that pieces stay when the tab is closed. A lock, which the browser frees then, lets one thread write.
 */

export type KeepData = About & EndOfBytes

export type KeepMessage =
  /** It listens, and keeps what comes. */
  | { kind: 'keeps' }
  /** The browser has no more room, for example. */
  | { kind: 'failed'; message: string }

const mailbox = openMailbox<never, KeepMessage>()
const { keeper, ...about } = threadData() as KeepData

/** Resolves when all has come, or no more can be kept. */
async function keepIn(log: Log): Promise<void> {
  const channel = new BroadcastChannel(CHANNEL)
  const ended = new Promise<void>((resolve, reject) => {
    channel.onmessage = ({ data }: MessageEvent<FetchedBytes | EndOfBytes | RemovedFile>) => {
      try {
        if ('keeper' in data) {
          if (data.keeper === keeper) resolve()
        } else if ('removed' in data) {
          if (data.removed === about.address) resolve()
        } else if (data.address === about.address && data.version === about.version) {
          log.add(data.offset, data.bytes)
        }
      } catch (error) {
        channel.close()
        reject(error)
      }
    }
  })
  mailbox.post({ kind: 'keeps' })
  await ended.finally(() => log.close())
}

void navigator.locks
  .request(lockOf(about.address), { ifAvailable: true }, async (lock) => {
    const log = lock && (await Log.open(about))
    if (log) await keepIn(log)
  })
  .catch((error: Error) => mailbox.post({ kind: 'failed', message: error.message }))
  .finally(() => mailbox.close())
