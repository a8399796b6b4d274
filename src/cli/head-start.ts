import { startThreadAhead } from '../engine/run/reading/thread-ahead.js'
import { asksToComplete, spelledOut } from './parsing/command-line.js'
import { COMMANDS } from './parsing/commands.js'

/** Options that need no model. */
const WITHOUT_MODEL = ['-h', '--help', '--list']

/**
 * Starts the slow parts of a command that runs a model before the parser is even read: the engine's thread, and reading the
 * code that loads models. Neither depends on which model it will be.
 */
export function headStart(args: readonly string[]): void {
  if (asksToComplete(args)) return
  const [name, ...rest] = spelledOut(args)
  const command = COMMANDS.find((command) => command.name === name)
  if (!command?.runsModel || rest.some((word) => WITHOUT_MODEL.includes(word))) return
  startThreadAhead()
  // The command imports it again, and reports the error.
  import('../library/load-model.js').catch(() => undefined)
}
