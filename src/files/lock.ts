import { randomUUID } from 'node:crypto'
import { link, open, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { MOST_CONFIG_BYTES, readSmallFile } from '../checkpoint/small-file.js'
import { codeOf, UserError } from '../errors.js'
import { isObject } from '../json.js'
import { makeFolder } from './folders.js'

/** A piece of work that no other process does at the same time. */
export interface Lock {
  release(): Promise<void>
}

/** The owner touches the file so often, which shows other machines that it still works. */
const BEAT_MS = 10_000
/** Not touched for so long, the lock of another machine counts as left behind. */
const STALE_MS = 120_000
/** Taking a stale lock away is over long before; a process that did not get there has ended. */
const GUARD_MS = 10_000
/** What file systems without hard links answer to one. */
const NO_LINKS = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']

interface Owner {
  pid: number
  host: string
  /** When that process began, in the system's own measure; tells it from a later one of the same number. */
  started: string
  id: string
}

/** Owner of a lock file that is damaged, and therefore stale. */
const NOBODY: Owner = { pid: 0, host: '', started: '', id: 'nobody' }

/**
 * Takes the lock file `path`. One that a process left behind without ending properly is recognised and replaced.
 * Rejects with a UserError saying who holds it; `work` is what that process does: "a pull of org/model".
 */
export async function takeLock(path: string, work: string): Promise<Lock> {
  await makeFolder(dirname(path))
  const own: Owner = { pid: process.pid, host: hostname(), started: await startOf(process.pid), id: randomUUID() }
  while (!(await createLock(path, own))) {
    const held = await readLock(path)
    if (!held) continue
    if (held === NOBODY && (await isBeingWritten(path))) {
      await sleep(10)
      continue
    }
    if (!(await isStale(path, held))) {
      const where = held.host === own.host ? '' : ` on ${held.host}`
      throw new UserError(`${work} is already under way (process ${held.pid}${where}); wait for it, or end it first`)
    }
    await removeStale(path, held)
  }
  const beat = setInterval(() => utimes(path, new Date(), new Date()).catch(() => undefined), BEAT_MS)
  beat.unref()
  return {
    async release() {
      clearInterval(beat)
      if ((await readLock(path))?.id === own.id) await rm(path, { force: true })
    },
  }
}

/** Written aside first and then linked, so that nobody ever sees a lock without its owner. */
async function createLock(path: string, owner: Owner): Promise<boolean> {
  const aside = `${path}.${owner.id}`
  const handle = await open(aside, 'wx')
  try {
    await handle.writeFile(JSON.stringify(owner))
    await link(aside, path)
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    if (NO_LINKS.includes(codeOf(error) ?? '')) return createInPlace(path, owner)
    throw new UserError(`${path}: cannot be written (${(error as Error).message})`)
  } finally {
    await handle.close()
    await rm(aside, { force: true })
  }
}

/** Where there are no links, as on a memory card, a lock is empty for a moment. */
async function createInPlace(path: string, owner: Owner): Promise<boolean> {
  try {
    await writeFile(path, JSON.stringify(owner), { flag: 'wx' })
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  }
}

/** Whether a lock that says nothing has been made just now, so that its owner has yet to be written into it. */
async function isBeingWritten(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined)
  return found?.size === 0 && Math.abs(Date.now() - found.mtimeMs) < GUARD_MS
}

/** Who holds a lock; NOBODY where the file says nothing that makes sense, undefined where there is none. */
async function readLock(path: string): Promise<Owner | undefined> {
  const bytes = await readSmallFile(path, MOST_CONFIG_BYTES)
  if (bytes === undefined) return undefined
  try {
    const owner: unknown = JSON.parse(new TextDecoder().decode(bytes))
    return isOwner(owner) ? owner : NOBODY
  } catch {
    return NOBODY
  }
}

async function isStale(path: string, owner: Owner): Promise<boolean> {
  const { host, pid, started } = owner
  if (owner === NOBODY) return true
  if (host === hostname()) return !isAlive(pid) || (await startOf(pid)) !== started
  const touched = await stat(path).catch(() => undefined)
  return touched === undefined || Date.now() - touched.mtimeMs > STALE_MS
}

/**
 * Takes a stale lock away. One process at a time looks again and removes what it still finds: a second that had read the
 * stale lock as well would else remove the one that the first has put in its place. The others wait for a moment.
 */
async function removeStale(path: string, stale: Owner): Promise<void> {
  const guard = `${path}.stale-${stale.id.replaceAll(/[^\w-]/g, '')}`
  try {
    await (await open(guard, 'wx')).close()
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
    const made = await stat(guard).catch(() => undefined)
    if (made && Date.now() - made.mtimeMs > GUARD_MS) await rm(guard, { force: true })
    else await sleep(10)
    return
  }
  try {
    if ((await readLock(path))?.id === stale.id) await rm(path, { force: true })
  } finally {
    await rm(guard, { force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // A process of another user may not be asked, but it is there.
    return codeOf(error) === 'EPERM'
  }
}

/** Field 22 of /proc/PID/stat, counted behind the name, which may hold blanks; empty where there is no such file. */
async function startOf(pid: number): Promise<string> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? ''
}

function isOwner(value: unknown): value is Owner {
  if (!isObject(value)) return false
  const { pid, host, started, id } = value
  return Number.isInteger(pid) && Number(pid) > 0 && [host, started, id].every((text) => typeof text === 'string')
}
