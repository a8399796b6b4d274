import { readdirSync } from 'node:fs'
import os from 'node:os'
import { type Command, Option } from 'commander'

/** With more cores than this, one is left free. */
const FEW_CORES = 4

interface PriorityOptions {
  priority?: 'low' | 'normal'
  threads?: number
  batch?: string
}

/**
 * Adds --priority, and lowers the priority before the command runs: a person's browser should not wait for an answer.
 * A batch keeps its priority: it runs alone, by night or on a server.
 */
export function addPriority(command: Command): Command {
  const what =
    'low: other programs go first, and of more than 4 cores one stays free (default: low; normal for a batch)'
  return command
    .addOption(new Option('--priority <level>', what).choices(['low', 'normal']))
    .hook('preAction', (_, called) => {
      const { threads, batch, priority = batch === undefined ? 'low' : 'normal' } = called.opts<PriorityOptions>()
      if (priority !== 'low') return
      lowerPriority()
      if (threads === undefined) called.setOptionValue('threads', threadsBesideOthers(os.availableParallelism()))
    })
}

/** Threads that leave a core of many to other programs. */
export function threadsBesideOthers(cores: number): number {
  return cores > FEW_CORES ? cores - 1 : cores
}

/**
 * A busy program keeps nine tenths of its speed beside this, and beside one for each core an answer still has a third of the
 * speed at normal priority; at 10 it nearly stops (docs/SPEED.md). Windows has no steps between.
 */
export const LOW = process.platform === 'win32' ? os.constants.priority.PRIORITY_BELOW_NORMAL : 5

/**
 * Lowers the priority of this process, of all its threads and of threads that they will start, so that other programs
 * go first. Does nothing if it is that low already, or if the system does not allow it.
 */
function lowerPriority(): void {
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
