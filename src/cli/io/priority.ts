import { readdirSync } from 'node:fs'
import os from 'node:os'

/**
 * A busy program keeps nine tenths of its speed beside this, and beside one for each core an answer still has a third of the
 * speed at normal priority; at 10 it nearly stops (docs/SPEED.md). Windows has no steps between.
 */
export const LOW = process.platform === 'win32' ? os.constants.priority.PRIORITY_BELOW_NORMAL : 5

/**
 * Lowers the priority of this process, of all its threads and of those that they will start, so that other programs go
 * first. Does nothing if it is that low already, or if the system does not allow it.
 */
export function lowerPriority(): void {
  try {
    for (const thread of threads()) if (os.getPriority(thread) < LOW) os.setPriority(thread, LOW)
  } catch {
    // An answer matters more than its manners.
  }
}

/** Linux has a priority for each thread, other systems one for the process. 0 is the caller. */
function threads(): number[] {
  return process.platform === 'linux' ? readdirSync('/proc/self/task').map(Number) : [0]
}
