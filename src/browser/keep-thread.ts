import { openMailbox, threadData } from '../ground/platform/threads.js'
import {
  type About,
  aboutOf,
  type KeepMessage,
  keptFolder,
  nameFor,
  openToWrite,
  piecesOf,
  type SyncAccessHandle,
  versionOf,
  writeAbout,
} from './kept-folder.js'

/*
 * A thread that fetches a file into the origin's own file system. Only workers may write there piece by piece, so that
 * what has come stays when the connection breaks or the tab is closed.
 */

/** Connections that break one after the other without a new byte. */
const MOST_BREAKS = 4
/** Wait after such a one, and longer after each further. */
const WAIT_MS = 500

const mailbox = openMailbox<never, KeepMessage>()
const address = threadData() as string
const name = nameFor(address)

async function keep(): Promise<void> {
  const folder = await keptFolder(true)
  if (!folder) throw new Error('this browser keeps no files for the page')
  const access = await openToWrite(folder, name)
  try {
    for (let breaks = 0; ; ) {
      const before = access.getSize()
      try {
        return await fetchRest(folder, access, await aboutOf(folder, name))
      } catch (error) {
        // Of a broken connection. What has come is kept, and the rest is asked for again.
        if (!(error instanceof TypeError)) throw error
        breaks = access.getSize() > before ? 0 : breaks + 1
        if (breaks === MOST_BREAKS) throw error
        await new Promise((resolve) => setTimeout(resolve, breaks * WAIT_MS))
      }
    }
  } finally {
    access.close()
  }
}

/** Fetches what is missing of the file. Rejects with a TypeError if the connection breaks. */
async function fetchRest(folder: FileSystemDirectoryHandle, access: SyncAccessHandle, former?: About): Promise<void> {
  // A whole file is here only if the host has another version now.
  const from = former?.version === undefined || former.isWhole ? 0 : access.getSize()
  if (former && from > 0 && from === former.bytes) return writeAbout(folder, name, { ...former, isWhole: true })
  const headers: Record<string, string> = from > 0 ? { Range: `bytes=${from}-` } : {}
  const response = await fetch(address, { headers, cache: 'no-store' })
  const version = versionOf(response)
  if (from > 0 && !(response.status === 206 && version === former?.version)) {
    // Another version, a host without ranges, or one that has no bytes after these.
    await response.body?.cancel()
    access.truncate(0)
    return fetchRest(folder, access)
  }
  if (!response.ok) throw new Error(`${address}: the server answers ${response.status} ${response.statusText}`)
  if (from === 0) access.truncate(0)
  const length = response.headers.has('content-encoding') ? null : response.headers.get('content-length')
  const total = length === null ? undefined : from + Number(length)
  const about = { address, version, bytes: total }
  await writeAbout(folder, name, { ...about, isWhole: false })
  let at = from
  for await (const piece of piecesOf(response)) {
    access.write(piece, { at })
    at += piece.length
    access.flush()
    mailbox.post({ kind: 'progress', progress: { bytes: at, total } })
  }
  if (total !== undefined && at < total) throw new TypeError('the connection has ended')
  await writeAbout(folder, name, { ...about, bytes: at, isWhole: true })
}

keep()
  .then(() => mailbox.post({ kind: 'kept' }))
  .catch((error: Error) => mailbox.post({ kind: 'failed', message: error.message }))
