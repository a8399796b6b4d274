import { randomUUID } from 'node:crypto'
import { readFile, readlink } from 'node:fs/promises'
import { hostname } from 'node:os'
import { codeOf } from '../errors.js'
import { isObject } from '../json.js'

/** The process that holds a lock, as the lock file names it. */
export interface Owner {
  pid: number
  host: string
  /**
   * Whose numbers `pid` is one of. Containers and sandboxes of one hostname each count their own processes, and none sees those
   * of another. Absent on systems other than Linux, and in locks of older versions.
   */
  namespace?: string
  /** When that process began, in the system's own measure; tells it from a later one of the same number. */
  started: string
  id: string
}

/** Owner of a lock file that is damaged, and therefore stale. */
export const NOBODY: Owner = { pid: 0, host: '', started: '', id: 'nobody' }

/** This process as the owner of a new lock. */
export async function thisProcess(): Promise<Owner> {
  // The kernel gives the number of a namespace away again only when all processes of that namespace have ended.
  const namespace = await readlink('/proc/self/ns/pid').catch(() => undefined)
  const { started } = await statusOf(process.pid)
  return { pid: process.pid, host: hostname(), namespace, started, id: randomUUID() }
}

/** Whether the owner runs; undefined if the process `here` has no way to see that. */
export async function isRunning(owner: Owner, here: Owner): Promise<boolean | undefined> {
  if (owner.host !== here.host || isElsewhere(owner, here)) return undefined
  const { started, hasEnded } = await statusOf(owner.pid)
  const isThere = isListed(owner.pid) && !hasEnded
  if (isThere && started === owner.started) return true
  // It may have another number here, or one of the two had no sight of when it began.
  const isUnsure = owner.namespace !== here.namespace || (isThere && !(started && owner.started))
  return isUnsure ? undefined : false
}

/** Where the owner runs, as the end of a message: ` on that-host`, or nothing if it is here. */
export function placeOf(owner: Owner, here: Owner): string {
  if (owner.host !== here.host) return ` on ${owner.host}`
  return isElsewhere(owner, here) ? ' in another container or sandbox' : ''
}

export function isOwner(value: unknown): value is Owner {
  if (!isObject(value)) return false
  const { pid, host, namespace = '', started, id } = value
  const isText = [host, namespace, started, id].every((text) => typeof text === 'string')
  return isText && Number.isInteger(pid) && Number(pid) > 0
}

/** Whether both say whose numbers they have, and it is not the same. */
function isElsewhere({ namespace }: Owner, here: Owner): boolean {
  return namespace !== undefined && here.namespace !== undefined && namespace !== here.namespace
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
 * (field 3: Z or X). Without such a file it is '' and false.
 */
async function statusOf(pid: number): Promise<{ started: string; hasEnded: boolean }> {
  // A sandbox may see the /proc of those outside it, in which its numbers are of other processes.
  const isOurs = (await readlink('/proc/self').catch(() => '')) === String(process.pid)
  const text = isOurs ? await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '') : ''
  // Counted from behind the name, which may hold blanks and parentheses.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return { started: fields[19] ?? '', hasEnded: /^[ZXx]$/.test(fields[0]) }
}
