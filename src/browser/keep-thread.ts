import { CHANNEL, type EndOfBytes, type FetchedBytes } from '../ground/platform/fetched-file.browser.js'
import { openMailbox, threadData } from '../ground/platform/threads.js'
import { type About, Log } from './kept-files.js'

/*
 * A thread that keeps what the threads of all tabs fetch of a file. Only workers may write to the origin's own file system
 * piece by piece, so that pieces stay when the tab is closed. One tab writes at a time, the others wait for their turn.
 */

export type KeepData = About & EndOfBytes

/** `ready`: it listens; `keeps`: whether this is the one that writes. */
export type KeepMessage =
  | { kind: 'ready'; keeps: boolean }
  | { kind: 'ended' }
  /** The browser has no more room, for example. */
  | { kind: 'failed'; message: string }

const mailbox = openMailbox<never, KeepMessage>()
const { keeper, ...about } = threadData() as KeepData
const channel = new BroadcastChannel(CHANNEL)
let log: Log | undefined
let end: () => void
const ended = new Promise<void>((resolve) => (end = resolve))

channel.onmessage = ({ data }: MessageEvent<FetchedBytes | EndOfBytes>) => {
  if ('keeper' in data) {
    if (data.keeper === keeper) close()
  } else if (data.address === about.address) {
    keep(data)
  }
}

function keep({ offset, bytes }: FetchedBytes): void {
  try {
    log?.add(offset, bytes)
  } catch (error) {
    mailbox.post({ kind: 'failed', message: (error as Error).message })
    close()
  }
}

function close(): void {
  log?.close()
  log = undefined
  end()
  mailbox.post({ kind: 'ended' })
}

/** Writes while it has the lock, which the browser frees when the tab is closed. */
async function write(lock: Lock | null): Promise<void> {
  if (!lock) return
  log = await Log.open(about).catch(() => undefined)
  mailbox.post({ kind: 'ready', keeps: log !== undefined })
  await ended
}

const name = `molm ${about.address}`
void navigator.locks.request(name, { ifAvailable: true }, async (lock) => {
  if (lock) return write(lock)
  mailbox.post({ kind: 'ready', keeps: false })
  void navigator.locks.request(name, write)
})
