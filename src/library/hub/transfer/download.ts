import { constants } from 'node:fs'
import { type FileHandle, lstat, open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { cannotWrite, makeFolder } from '../../../ground/files/folders.js'
import type { CacheFolder } from './cache.js'
import { type HubClient, RangeIgnored } from './client.js'
import { FileHash, HashMismatch } from './file-hash.js'
import type { RepositoryFile } from './repository.js'

/** Bytes of a partial file read at once, to continue its hash. */
const READ_BYTES = 4 * 2 ** 20
/** Maximum restarts of a file from a server that cannot send the rest of it. */
const MOST_RESTARTS = 3

/** Bytes of a file in the cache, in a complete blob or the beginning of one. */
export async function bytesInCache(cache: CacheFolder, file: RepositoryFile): Promise<number> {
  const blob = cache.blob(file.hash)
  const size = async (path: string) => (await stat(path).catch(() => undefined))?.size
  return (await size(blob)) ?? Math.min(file.size, (await size(incomplete(blob))) ?? 0)
}

/**
 * Fetches a file into the cache, after the bytes of an earlier try, and checks it against the hub's hash. Rejects with
 * a UserError if it does not match, and keeps nothing; if the network fails, keeps the bytes that have come.
 */
export async function downloadToCache(
  client: HubClient,
  cache: CacheFolder,
  file: RepositoryFile,
  onBytes: (count: number) => void = () => {},
): Promise<void> {
  const blob = cache.blob(file.hash)
  const found = await stat(blob).catch(() => undefined)
  if (!found?.isFile() || found.size !== file.size)
    await downloadFile(client, file, { path: blob, partial: incomplete(blob) }, onBytes)
  await cache.link(file.commit, file.name, file.hash)
}

/** Fetches a file to `path`, after the bytes in `partial`, and checks it. Rejects as `downloadToCache` does. */
export async function downloadFile(
  client: HubClient,
  file: RepositoryFile,
  { path, partial }: { path: string; partial: string },
  onBytes: (count: number) => void,
): Promise<void> {
  try {
    await makeFolder(dirname(path))
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
    await rename(partial, path)
  } catch (error) {
    throw cannotWrite(partial, error)
  }
}

/** Opens a partial file to append to. Replaces a link, which would be written through. */
async function openPartial(path: string): Promise<FileHandle> {
  const found = await lstat(path).catch(() => undefined)
  if (found && !found.isFile()) await rm(path, { force: true })
  // O_NOFOLLOW refuses a link that was made just now; Windows has no such flag.
  return open(path, constants.O_RDWR | constants.O_CREAT | constants.O_APPEND | (constants.O_NOFOLLOW ?? 0), 0o666)
}

/** Appends the missing bytes of a file. Resolves with whether its hash is right. */
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

/** Path of an unfinished blob, the same as in the hub's Python library. */
function incomplete(blob: string): string {
  return `${blob}.incomplete`
}
