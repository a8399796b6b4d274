import { startThreadAhead } from '../engine/thread-ahead.js'
import { spelledOut } from './parsing/command-line.js'
import { COMMANDS } from './parsing/commands.js'

/**
 * Begins what takes long in a command that runs a model, before even the parser of the command line is read: the thread
 * of the engine starts, and the code that loads models is read. Neither needs to know which model it will be.
 */
export function headStart(args: readonly string[]): void {
  const [name, ...rest] = spelledOut(args)
  const command = COMMANDS.find((command) => command.name === name)
  if (!command?.runsModel || rest.includes('--help') || rest.includes('-h')) return
  startThreadAhead()
  // Whoever needs it next is told if it cannot be read.
  import('../library/load-model.js').catch(() => undefined)
}
