import type { Stats } from 'node:fs'
import { readdir, rm, stat, statfs, utimes } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Model } from '../../api/model.js'
import type { Session } from '../../api/session.js'
import { commonPrefix } from '../../ground/common-prefix.js'
import { UserError } from '../../ground/errors.js'
import { whileOpen } from '../../ground/files/byte-source.js'
import { openIfPresent } from '../../ground/files/local-folder.js'
import { removeAbandoned, writeAtomically } from '../../ground/files/write-atomically.js'
import type { ExpertMask } from '../../model/config/expert-mask.js'
import { bytesOf, cacheBytes, isCacheFile, openCacheFile, snapshotIn } from './cache-file.js'
import { cacheKey } from './cache-key.js'

/** Ending of the files in a folder of caches. */
export const CACHE_ENDING = '.cache'

/** Share of the free disk that a cache may take. */
const MOST_OF_DISK = 0.5

export interface SaveOptions {
  /** Experts that the session must not use. */
  mask?: ExpertMask
  /** Most bytes of the file. Default: no limit. */
  most?: number
}

export interface LoadOptions {
  /** Experts that the session must not use. */
  mask?: ExpertMask
  /** The tokens to come: a cache that shares fewer than `least` with their beginning is not loaded. Default: any is. */
  prompt?: ArrayLike<number>
  /** Default: 1. */
  least?: number
  /** Receives the reason why a file that is there is not used. */
  onNote?: (note: string) => void
}

/** Rejects with a UserError if a path has no folder, or holds something other than a cache. */
export async function checkCachePath(path: string): Promise<void> {
  const folder = await stat(dirname(path)).catch(() => undefined)
  if (!folder?.isDirectory()) throw new UserError(`${path}: there is no such folder`)
  const found = await stat(path).catch(() => undefined)
  if (!found || (found.isFile() && (found.size === 0 || (await isCacheFile(path))))) return
  throw new UserError(`${path}: there is something other than a prompt cache; give another file`)
}

/**
 * Saves the cache of a session in a file, readable only by its owner. The file is replaced at once, or not at all.
 * Resolves with the number of tokens; 0 if the session is empty, its mask cannot be described, or the file would exceed
 * `most` or half of the free disk. Rejects with a UserError if it cannot be written, as in a folder that is not there.
 */
export async function saveCache(
  path: string,
  session: Session,
  model: Model,
  { mask, most = Infinity }: SaveOptions = {},
): Promise<number> {
  const key = await cacheKey(model, mask)
  if (session.length === 0 || key === undefined) return 0
  const snapshot = await session.exportCache()
  const folder = dirname(path)
  // Before the free bytes are counted.
  await removeAbandoned(folder)
  const bytes = bytesOf(snapshot)
  if (bytes > most || bytes > MOST_OF_DISK * (await freeBytes(folder))) return 0
  await writeAtomically(path, cacheBytes(snapshot, key), { mode: 0o600 })
  return snapshot.tokens.length
}

/**
 * Puts the cache in a file into a session, in place of what it has. Resolves with the number of tokens; 0, with the session
 * unchanged, if there is no such file, it is of other weights, damaged, shares too little with the prompt, or has no
 * room in memory.
 */
export async function loadCache(
  path: string,
  session: Session,
  model: Model,
  options: LoadOptions = {},
): Promise<number> {
  const { mask, prompt, least = 1, onNote } = options
  try {
    const source = await openIfPresent(path)
    if (!source) return 0
    return await whileOpen(source, async () => {
      const file = await openCacheFile(source)
      if (file.key !== (await cacheKey(model, mask))) {
        onNote?.(`${path}: of another model, packing, cache type or version of molm, so it is not used`)
        return 0
      }
      if (prompt && commonPrefix(file.tokens, prompt, prompt.length - 1) < least) return 0
      await session.importCache(snapshotIn(file))
      // `limitCaches` removes the least recently used files first.
      await utimes(path, new Date(), new Date()).catch(() => undefined)
      return file.tokens.length
    })
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    onNote?.(`${error.message}, so it is not used`)
    return 0
  }
}

/** Bytes of the disk that this user may still fill. */
async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder)
  return bavail * bsize
}

/** Removes the least recently used caches beyond `most` bytes, and what killed processes left. Other files stay. */
export async function limitCaches(folder: string, most: number): Promise<void> {
  await removeAbandoned(folder)
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith(CACHE_ENDING))
  const found: { path: string; info: Stats }[] = []
  for (const name of names) {
    const path = join(folder, name)
    const info = await stat(path).catch(() => undefined)
    if (info?.isFile()) found.push({ path, info })
  }
  if (found.reduce((sum, { info }) => sum + info.size, 0) <= most) return
  let bytes = 0
  for (const { path, info } of found.sort((a, b) => b.info.mtimeMs - a.info.mtimeMs)) {
    if (!(await isCacheFile(path))) continue
    bytes += info.size
    if (bytes > most) await rm(path, { force: true })
  }
}
