import { randomUUID } from 'node:crypto'
import { type FileHandle, link, lstat, open, readFile, readlink, rm, stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { codeOf, UserError } from '../errors.js'
import { fields, isText, optional, whole } from '../json/forms.js'
import { printable } from '../printable.js'
import { cannotWrite, makeFolder } from './folders.js'
import { MOST_CONFIG_BYTES, readSmallFile } from './small-file.js'

/** Exclusive right to some work, held by this process. */
export interface Lock {
  release(): Promise<void>
}

export class LockHeld extends UserError {}

/** Milliseconds between the owner's writes of the file, which show other machines that it still works. */
const BEAT_MS = 10_000
/** Milliseconds without a write after which the lock of a process that cannot be seen from here counts as abandoned. */
const STALE_MS = 120_000
/** Maximum milliseconds for removing a stale lock; a process that takes longer has ended. */
const GUARD_MS = 10_000
/** Errors of file systems without hard links. */
const NO_LINKS = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']

/** Takes a lock, also one whose process has ended. Rejects with a LockHeld that names the owner after `patience` ms. */
export async function takeLock(path: string, work: string, patience = 0): Promise<Lock> {
  const end = performance.now() + patience
  await makeFolder(dirname(path))
  const own = await thisProcess()
  for (;;) {
    const { handle, now } = await createLock(path, own)
    if (handle) return heldLock(path, own, handle)
    const held = await readLock(path)
    if (!held) {
      await refuseLink(path)
      continue
    }
    if (held === NO_OWNER && (await isBeingWritten(path, now))) {
      await sleep(10)
      continue
    }
    const left = await timeLeft(path, held, own, now)
    if (left === 0) await removeStale(path, held, now)
    else if (performance.now() < end) await sleep(10 + 20 * Math.random())
    else throw isUnderWay(work, held, own, left)
  }
}

function heldLock(path: string, own: Owner, handle: FileHandle): Lock {
  // By its handle: if another process has taken the lock away meanwhile, its file is not touched.
  const beat = setInterval(() => handle.write(JSON.stringify(own), 0).catch(() => undefined), BEAT_MS)
  beat.unref()
  return {
    async release() {
      clearInterval(beat)
      await handle.close()
      if ((await readLock(path))?.id === own.id) await rm(path, { force: true })
    },
  }
}

/**
 * Writes the lock to another file and links it, so that a lock is never seen without its owner. There is no handle if
 * another process has the lock. `now` is the time by the clock that dates the files there, which may be another
 * machine's.
 */
async function createLock(path: string, owner: Owner): Promise<{ handle?: FileHandle; now: number }> {
  const aside = `${path}.${owner.id}`
  let handle: FileHandle | undefined
  let now = Date.now()
  try {
    handle = await open(aside, 'wx')
    await handle.writeFile(JSON.stringify(owner))
    now = (await handle.stat()).mtimeMs
    await link(aside, path)
    return { handle, now }
  } catch (error) {
    await handle?.close()
    if (codeOf(error) === 'EEXIST') return { now }
    if (handle && NO_LINKS.includes(codeOf(error) ?? '')) return { handle: await createInPlace(path, owner), now }
    throw cannotWrite(path, error)
  } finally {
    await rm(aside, { force: true }).catch(() => undefined)
  }
}

/** Creates a lock on file systems without links, such as memory cards. The lock is empty for a moment. */
async function createInPlace(path: string, owner: Owner): Promise<FileHandle | undefined> {
  let handle: FileHandle | undefined
  try {
    handle = await open(path, 'wx')
    await handle.writeFile(JSON.stringify(owner))
    return handle
  } catch (error) {
    await handle?.close()
    if (codeOf(error) === 'EEXIST') return undefined
    throw cannotWrite(path, error)
  }
}

/** Rejects with a UserError if the path is a link: a link to nothing is in the way of a lock, but has no owner. */
async function refuseLink(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined)
  if (found?.isSymbolicLink()) throw new UserError(`${path}: is a link, in the place of a lock; remove it`)
}

/** Whether an empty lock is so new that its owner may still be writing it. */
async function isBeingWritten(path: string, now: number): Promise<boolean> {
  const found = await stat(path).catch(() => undefined)
  return found?.size === 0 && Math.abs(now - found.mtimeMs) < GUARD_MS
}

/** Reads the owner of a lock: NO_OWNER if the file makes no sense, undefined if there is no lock. */
async function readLock(path: string): Promise<Owner | undefined> {
  const bytes = await readSmallFile(path, MOST_CONFIG_BYTES)
  if (bytes === undefined) return undefined
  try {
    const owner: unknown = JSON.parse(new TextDecoder().decode(bytes))
    return isOwner(owner) ? owner : NO_OWNER
  } catch {
    return NO_OWNER
  }
}

/** Milliseconds for which the lock stays valid without a write: 0 if it is stale, Infinity if its owner runs. */
async function timeLeft(path: string, owner: Owner, own: Owner, now: number): Promise<number> {
  if (owner === NO_OWNER) return 0
  const runs = await isRunning(owner, own)
  if (runs !== undefined) return runs ? Infinity : 0
  const written = await stat(path).catch(() => undefined)
  // A date in the future means that the clock has been set back since.
  if (written === undefined || Math.abs(now - written.mtimeMs) > STALE_MS) return 0
  return written.mtimeMs + STALE_MS - now
}

function isUnderWay(work: string, owner: Owner, own: Owner, left: number): LockHeld {
  const who = `process ${owner.pid}${printable(placeOf(owner, own))}`
  const ifKilled = left < Infinity ? `; if it was killed, try again in ${Math.ceil(left / 1000)} s` : ''
  return new LockHeld(`${work} is already under way (${who}); wait for it, or end it first${ifKilled}`)
}

/**
 * Removes a stale lock. Only one process at a time reads it again and removes it if it is unchanged: otherwise a second
 * process that has also read the stale lock could remove the lock that the first has just created. The others wait for
 * a moment.
 */
async function removeStale(path: string, stale: Owner, now: number): Promise<void> {
  const guard = `${path}.stale-${stale.id.replaceAll(/[^\w-]/g, '')}`
  try {
    await (await open(guard, 'wx')).close()
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw cannotWrite(path, error)
    const made = await stat(guard).catch(() => undefined)
    if (made && Math.abs(now - made.mtimeMs) > GUARD_MS) await rm(guard, { force: true })
    else await sleep(10)
    return
  }
  try {
    if ((await readLock(path))?.id === stale.id) await rm(path, { force: true })
  } finally {
    await rm(guard, { force: true })
  }
}

/** The process that holds a lock, as recorded in the lock file. */
interface Owner {
  pid: number
  host: string
  /** PID namespace of `pid`, which containers with the same hostname have each. Absent without /proc. */
  namespace?: string
  /** Start time of the process in the system's units; distinguishes it from a later process with the same number. */
  started: string
  id: string
}

/** Owner of a damaged, and therefore stale, lock file. */
const NO_OWNER: Owner = { pid: 0, host: '', started: '', id: 'none' }

export async function thisProcess(): Promise<Owner> {
  // The kernel reuses the number of a namespace only after all its processes have ended.
  const namespace = await readlink('/proc/self/ns/pid').catch(() => undefined)
  const { started } = await statusOf(process.pid)
  return { pid: process.pid, host: hostname(), namespace, started, id: randomUUID() }
}

/** Whether the owner runs; undefined if the process `here` cannot see that. */
async function isRunning(owner: Owner, here: Owner): Promise<boolean | undefined> {
  if (owner.host !== here.host || isElsewhere(owner, here)) return undefined
  const { started, hasEnded } = await statusOf(owner.pid)
  const isThere = isListed(owner.pid) && !hasEnded
  if (isThere && started === owner.started) return true
  // It may have another number here, or the start time of one of the two is unknown.
  const isUnsure = owner.namespace !== here.namespace || (isThere && !(started && owner.started))
  return isUnsure ? undefined : false
}

/** Place of the owner as the end of a message: ` on that-host`, or an empty string if it is here. */
function placeOf(owner: Owner, here: Owner): string {
  if (owner.host !== here.host) return ` on ${owner.host}`
  return isElsewhere(owner, here) ? ' in another container or sandbox' : ''
}

const isOwner = fields<Owner>({
  pid: whole(1),
  host: isText,
  namespace: optional(isText),
  started: isText,
  id: isText,
})

/** Whether the two are known to be in different namespaces. */
function isElsewhere({ namespace }: Owner, here: Owner): boolean {
  return namespace !== undefined && here.namespace !== undefined && namespace !== here.namespace
}

function isListed(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // The process of another user may not be signalled, but it exists.
    return codeOf(error) === 'EPERM'
  }
}

/**
 * Start time of a process (field 22 of /proc/PID/stat), and whether it has ended and only waits for its parent to
 * notice (field 3: Z or X). Without such a file they are '' and false.
 */
async function statusOf(pid: number): Promise<{ started: string; hasEnded: boolean }> {
  // A sandbox may see the /proc of the system outside, whose numbers mean other processes.
  const isOurs = (await readlink('/proc/self').catch(() => '')) === String(process.pid)
  const text = isOurs ? await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '') : ''
  // Counted from after the name, which may contain blanks and parentheses.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return { started: fields[19] ?? '', hasEnded: /^[ZXx]$/.test(fields[0]) }
}
