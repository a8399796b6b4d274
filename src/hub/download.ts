import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { UserError } from '../errors.js'
import { makeFolder } from '../files/folders.js'
import type { CacheFolder } from './cache.js'
import { type HubClient, RangeIgnored } from './client.js'
import { FileHash, HashMismatch } from './file-hash.js'
import type { RepositoryFile } from './repository.js'

/** Bytes of a partial file read at once, to take up its hash again. */
const READ_BYTES = 4 * 2 ** 20
/** So often a file is begun anew for a server that cannot send the rest of it. */
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
    .then((found) => found.size === file.size)
    .catch(() => false)
  if (!isThere) {
    await makeFolder(dirname(blob))
    const partial = incomplete(blob)
    const handle = await open(partial, 'a+')
    let isWhole: boolean
    try {
      isWhole = await completeFile(client, file, handle, onBytes)
    } catch (error) {
      throw cannotWrite(partial, error)
    } finally {
      await handle.close()
    }
    if (!isWhole) {
      await rm(partial, { force: true })
      throw new HashMismatch(`${file.repo}/${file.name}`)
    }
    await rename(partial, blob)
  }
  await cache.link(file.commit, file.name, file.hash)
}

/** Appends what is missing of a file. Returns whether its hash is the right one. */
async function completeFile(
  client: HubClient,
  file: RepositoryFile,
  handle: FileHandle,
  onBytes: (count: number) => void,
): Promise<boolean> {
  const what = `${file.repo}/${file.name}`
  const patience = client.patience(what)
  let { size: done } = await handle.stat()
  if (done > file.size) done = await restart(handle)
  let hash = await hashOf(file, handle, done)
  let restarts = 0
  while (done < file.size) {
    try {
      for await (const piece of client.range(file, done, file.size)) {
        await handle.appendFile(piece)
        hash.update(piece)
        done += piece.length
        patience.progress()
        onBytes(piece.length)
      }
    } catch (error) {
      if (error instanceof RangeIgnored && restarts++ < MOST_RESTARTS) {
        onBytes(-done)
        done = await restart(handle)
        hash = new FileHash(file.hash, file.size)
      } else if (isOfTheDisk(error)) throw error
      else await patience.wait(error)
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

function isOfTheDisk(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error && ['ENOSPC', 'EDQUOT', 'EIO', 'EFBIG'].includes(String(error.code))
}

function cannotWrite(path: string, error: unknown): unknown {
  if (!isOfTheDisk(error)) return error
  return new UserError(
    error.code === 'ENOSPC'
      ? `${path}: the disk is full; make room and run the same command again: it goes on where it stopped`
      : `${path}: cannot be written (${error.message})`,
  )
}
