import { readFileSync, readlinkSync } from 'node:fs'
import { setPriority } from 'node:os'

/** Milliseconds of a tick in /proc: Linux reports 100 ticks a second to every process. */
const MS_PER_TICK = 10

/** The niceness of threads whose work may wait: others get ten times as much of a busy processor. */
const LOW_PRIORITY = 10

/** The system's number of this thread, for the functions below; 0 if the system does not report it. */
export function systemThreadId(): number {
  try {
    return Number(readlinkSync('/proc/thread-self').split('/').at(-1))
  } catch {
    return 0
  }
}

/** Milliseconds computed by a thread of this process; NaN if the system does not report it. */
export function computedMsOfThread(systemId: number): number {
  return computedIn(`/proc/self/task/${systemId}/stat`)
}

/** Lets all others go before a thread of this process, if the system can. */
export function lowerPriorityOfThread(systemId: number): void {
  try {
    // The system would take 0 for the whole process.
    if (systemId > 0) setPriority(systemId, LOW_PRIORITY)
  } catch {
    // It only takes longer.
  }
}

/** Milliseconds computed by all threads of a process; NaN if the system does not report it. */
export function computedMs(pid: number | undefined): number {
  return computedIn(`/proc/${pid}/stat`)
}

/** Fields 14 and 15 of a file such as /proc/PID/stat. */
function computedIn(file: string): number {
  try {
    const text = readFileSync(file, 'utf8')
    // Counted from the end of the name, which may contain blanks and parentheses.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK
  } catch {
    return Number.NaN
  }
}
