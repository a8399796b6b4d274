import os from 'node:os'
import { type Command, Option } from 'commander'
import { lowerPriority } from '../io/priority.js'

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
