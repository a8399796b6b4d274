import { constants } from 'node:fs'
import { type FileHandle, lstat, open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { cannotWrite, makeFolder } from '../files/folders.js'
import type { CacheFolder } from './cache.js'
import { type HubClient, RangeIgnored } from './client.js'
import { FileHash, HashMismatch } from './file-hash.js'
import type { RepositoryFile } from './repository.js'

/** Bytes of a partial file read at once, to take up its hash again. */
const READ_BYTES = 4 * 2 ** 20
/** Times a file is begun anew for a server that cannot send the rest of it. */
const MOST_RESTARTS = 3

/** Bytes of a file that are in the cache already, in a whole blob or the beginning of one. */
export async function bytesInCache(cache: CacheFolder, file: RepositoryFile): Promise<number> {
  const blob = cache.blob(file.hash)
  const size = (path: string) =>
    stat(path)
      .then((found) => found.size)
      .catch(() => undefined)
  return (await size(blob)) ?? Math.min(file.size, (await size(incomplete(blob))) ?? 0)
}

/**
 * Fetches a file into the cache, going on with what an earlier try has left, and checks it against the hub's hash.
 * Rejects with a UserError, and keeps nothing, when it does not match; keeps what there is when the network fails.
 */
export async function downloadToCache(
  client: HubClient,
  cache: CacheFolder,
  file: RepositoryFile,
  onBytes: (count: number) => void = () => {},
): Promise<void> {
  const blob = cache.blob(file.hash)
  const isThere = await stat(blob)
    .then((found) => found.isFile() && found.size === file.size)
    .catch(() => false)
  if (!isThere) {
    const partial = incomplete(blob)
    try {
      await makeFolder(dirname(blob))
      const handle = await openPartial(partial)
      let isWhole: boolean
      try {
        isWhole = await completeFile(client, file, handle, onBytes)
      } finally {
        await handle.close()
      }
      if (!isWhole) {
        await rm(partial, { force: true })
        throw new HashMismatch(`${file.repo}/${file.name}`)
      }
      await rename(partial, blob)
    } catch (error) {
      throw cannotWrite(partial, error)
    }
  }
  await cache.link(file.commit, file.name, file.hash)
}

/** What there is of a file, open to be gone on with. A link there would be written through, and is replaced. */
async function openPartial(path: string): Promise<FileHandle> {
  const found = await lstat(path).catch(() => undefined)
  if (found && !found.isFile()) await rm(path, { force: true })
  // It may have become a link again just now; Windows knows no such links.
  return open(path, constants.O_RDWR | constants.O_CREAT | constants.O_APPEND | (constants.O_NOFOLLOW ?? 0), 0o666)
}

/** Appends what is missing of a file. Returns whether its hash is the right one. */
async function completeFile(
  client: HubClient,
  file: RepositoryFile,
  handle: FileHandle,
  onBytes: (count: number) => void,
): Promise<boolean> {
  let { size: done } = await handle.stat()
  if (done > file.size) done = await restart(handle)
  let hash = await hashOf(file, handle, done)
  for (let restarts = 0; done < file.size; ) {
    try {
      for await (const piece of client.bytes(file, done, file.size)) {
        await handle.appendFile(piece)
        hash.update(piece)
        done += piece.length
        onBytes(piece.length)
      }
    } catch (error) {
      if (!(error instanceof RangeIgnored) || restarts++ >= MOST_RESTARTS) throw error
      onBytes(-done)
      done = await restart(handle)
      hash = new FileHash(file.hash, file.size)
    }
  }
  await handle.sync()
  return hash.matches()
}

async function restart(handle: FileHandle): Promise<number> {
  await handle.truncate()
  return 0
}

async function hashOf(file: RepositoryFile, handle: FileHandle, bytes: number): Promise<FileHash> {
  const hash = new FileHash(file.hash, file.size)
  const buffer = Buffer.alloc(Math.min(bytes, READ_BYTES))
  for (let at = 0; at < bytes; ) {
    const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, bytes - at), at)
    hash.update(buffer.subarray(0, bytesRead))
    at += bytesRead
  }
  return hash
}

/** The name under which the hub's Python library too keeps what it has not finished. */
function incomplete(blob: string): string {
  return `${blob}.incomplete`
}
