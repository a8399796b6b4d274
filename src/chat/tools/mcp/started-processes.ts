import type { ChildProcess } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/*
 * A server may start processes in a session of their own, which no signal to its group reaches. Linux shows them in /proc:
 * they inherited a variable, or their parents lead to the server. Other systems show neither.
 */

/** Variable that the processes of a server inherit, with a value for each server. */
export const MARK = 'MOLM_MCP_SERVER'

/** A process, and the time when it started: a later one may have its number. */
export interface StartedProcess {
  pid: number
  started: string
}

export type ServerChild = Pick<ChildProcess, 'pid' | 'exitCode' | 'signalCode'>

interface ListedProcess extends StartedProcess {
  parent: number
}

/** Processes with the mark in their environment. */
export function markedProcesses(mark: string): StartedProcess[] {
  const text = `${MARK}=${mark}\0`
  return listed().filter(({ pid }) => pid !== process.pid && read(pid, 'environ').includes(text))
}

/** Processes that a server has started, and those started by them. None once it has ended: its number may be another's. */
export function descendantsOf({ pid, exitCode, signalCode }: ServerChild): StartedProcess[] {
  if (pid === undefined || exitCode !== null || signalCode !== null) return []
  const all = listed()
  const found = new Set([pid])
  const descendants: StartedProcess[] = []
  for (let count = 0; count < found.size; ) {
    count = found.size
    for (const one of all) {
      if (found.has(one.pid) || !found.has(one.parent)) continue
      found.add(one.pid)
      descendants.push(one)
    }
  }
  return descendants
}

export function isThere({ pid, started }: StartedProcess): boolean {
  return statusOf(pid)?.started === started
}

/** All processes. None if /proc has other numbers than this process sees, as in another container. */
function listed(): ListedProcess[] {
  try {
    if (readlinkSync('/proc/self') !== String(process.pid)) return []
    return readdirSync('/proc').flatMap((name) => statusOf(Number(name)) ?? [])
  } catch {
    return []
  }
}

/** A process by fields 4 and 22 of /proc/PID/stat; the name before them may have blanks. */
function statusOf(pid: number): ListedProcess | undefined {
  if (Number.isNaN(pid)) return undefined
  const stat = read(pid, 'stat')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields.length > 19 ? { pid, parent: Number(fields[1]), started: fields[19] } : undefined
}

/** Text of a file about a process; empty if it has ended or is another user's. */
function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1')
  } catch {
    return ''
  }
}
