import { randomUUID } from 'node:crypto'
import { readFile, readlink } from 'node:fs/promises'
import { hostname } from 'node:os'
import { codeOf } from '../errors.js'
import { fields, isText, optional, whole } from '../json/forms.js'

/** The process that holds a lock, as recorded in the lock file. */
export interface Owner {
  pid: number
  host: string
  /** PID namespace of `pid`, which containers with the same hostname have each. Absent without /proc. */
  namespace?: string
  /** Start time of the process in the system's units; distinguishes it from a later process with the same number. */
  started: string
  id: string
}

/** Owner of a damaged, and therefore stale, lock file. */
export const NO_OWNER: Owner = { pid: 0, host: '', started: '', id: 'none' }

export async function thisProcess(): Promise<Owner> {
  // The kernel reuses the number of a namespace only after all its processes have ended.
  const namespace = await readlink('/proc/self/ns/pid').catch(() => undefined)
  const { started } = await statusOf(process.pid)
  return { pid: process.pid, host: hostname(), namespace, started, id: randomUUID() }
}

/** Whether the owner runs; undefined if the process `here` cannot see that. */
export async function isRunning(owner: Owner, here: Owner): Promise<boolean | undefined> {
  if (owner.host !== here.host || isElsewhere(owner, here)) return undefined
  const { started, hasEnded } = await statusOf(owner.pid)
  const isThere = isListed(owner.pid) && !hasEnded
  if (isThere && started === owner.started) return true
  // It may have another number here, or the start time of one of the two is unknown.
  const isUnsure = owner.namespace !== here.namespace || (isThere && !(started && owner.started))
  return isUnsure ? undefined : false
}

/** Place of the owner as the end of a message: ` on that-host`, or an empty string if it is here. */
export function placeOf(owner: Owner, here: Owner): string {
  if (owner.host !== here.host) return ` on ${owner.host}`
  return isElsewhere(owner, here) ? ' in another container or sandbox' : ''
}

export const isOwner = fields<Owner>({
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
