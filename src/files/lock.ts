import { randomUUID } from 'node:crypto'
import { type FileHandle, link, open, readFile, rm, stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { MOST_CONFIG_BYTES, readSmallFile } from '../checkpoint/small-file.js'
import { codeOf, UserError } from '../errors.js'
import { isObject } from '../json.js'
import { printable } from '../printable.js'
import { cannotWrite, makeFolder } from './folders.js'

/** A piece of work that no other process does at the same time. */
export interface Lock {
  release(): Promise<void>
}

/** The owner writes the file anew so often, which shows other machines that it still works. */
const BEAT_MS = 10_000
/** Not written for so long, the lock of another machine counts as left behind. */
const STALE_MS = 120_000
/** Removing a stale lock is over long before; a process that did not get there has ended. */
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
  await makeFolder(dirname(path)).catch((error: unknown) => {
    throw cannotWrite(dirname(path), error)
  })
  const own: Owner = {
    pid: process.pid,
    host: hostname(),
    started: (await statusOf(process.pid)).started,
    id: randomUUID(),
  }
  for (;;) {
    const { handle, now } = await createLock(path, own)
    if (handle) return heldLock(path, own, handle)
    const held = await readLock(path)
    if (!held) continue
    if (held === NOBODY && (await isBeingWritten(path, now))) {
      await sleep(10)
      continue
    }
    if (!(await isStale(path, held, now))) {
      const where = held.host === own.host ? '' : ` on ${printable(held.host)}`
      throw new UserError(`${work} is already under way (process ${held.pid}${where}); wait for it, or end it first`)
    }
    await removeStale(path, held, now)
  }
}

function heldLock(path: string, own: Owner, handle: FileHandle): Lock {
  // By its handle: should another process have taken the lock away meanwhile, that one's file is not touched.
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
 * Writes the lock aside and links it, so that nobody ever sees a lock without its owner. Without a handle another
 * process has it. `now` is the time by the clock that dates the files there, which may be another machine's.
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

/** Where there are no links, as on a memory card, a lock is empty for a moment. */
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

/** Whether a lock that says nothing has been made just now, so that its owner has yet to be written into it. */
async function isBeingWritten(path: string, now: number): Promise<boolean> {
  const found = await stat(path).catch(() => undefined)
  return found?.size === 0 && Math.abs(now - found.mtimeMs) < GUARD_MS
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

async function isStale(path: string, owner: Owner, now: number): Promise<boolean> {
  const { host, pid, started } = owner
  if (owner === NOBODY) return true
  if (host === hostname()) return !(await isRunning(pid, started))
  const written = await stat(path).catch(() => undefined)
  // A date in the future is of a clock that has been set since.
  return written === undefined || Math.abs(now - written.mtimeMs) > STALE_MS
}

/**
 * Takes a stale lock away. One process at a time looks again and removes what it still finds: a second that had read the
 * stale lock as well could otherwise remove the lock that the first has just created. The others wait for a moment.
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

/** Whether the process that began then still runs. One that has ended may stay in the system's table for long. */
async function isRunning(pid: number, started: string): Promise<boolean> {
  const status = await statusOf(pid)
  return isListed(pid) && status.started === started && !status.hasEnded
}

function isListed(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // A process of another user may not be asked, but it is there.
    return codeOf(error) === 'EPERM'
  }
}

/**
 * When a process began (field 22 of /proc/PID/stat), and whether it has ended and only waits for its parent to notice
 * (field 3: Z or X). Where there is no such file it is '' and false.
 */
async function statusOf(pid: number): Promise<{ started: string; hasEnded: boolean }> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  // Counted from behind the name, which may hold blanks and parentheses.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return { started: fields[19] ?? '', hasEnded: /^[ZXx]$/.test(fields[0]) }
}

function isOwner(value: unknown): value is Owner {
  if (!isObject(value)) return false
  const { pid, host, started, id } = value
  return Number.isInteger(pid) && Number(pid) > 0 && [host, started, id].every((text) => typeof text === 'string')
}
