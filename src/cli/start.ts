import { startThreadAhead } from '../engine/run/reading/thread-ahead.js'
import { writePrintable } from '../ground/output/write-printable.js'
import { setFlagsForGood } from '../kernels/compiler/compile.js'
import { end } from './io/interrupt.js'
import { tooManyFiles } from './io/open-files.js'
import { asksToComplete, spelledOut } from './parsing/command-line.js'
import { COMMANDS } from './parsing/commands.js'

/** Options that need no model. */
const WITHOUT_MODEL = ['-h', '--help', '--list']

/** Runs the command line of this process with the parser that `load` reads, and ends the process. */
export async function start(load: () => Promise<{ main(args: readonly string[]): Promise<void> }>): Promise<void> {
  const args = process.argv.slice(2)
  // Before other imports, which may compile WebAssembly.
  setFlagsForGood()
  headStart(args)
  try {
    const { main } = await load()
    await main(args)
  } catch (error) {
    const message = tooManyFiles(error)
    if (!message) throw error
    writePrintable(process.stderr, `molm: ${message}\n`)
    process.exitCode = 1
  }
  await end()
}

/**
 * Starts the slow parts of a command that runs a model before the parser is even read: the engine's thread, and reading the
 * code that loads models. Neither depends on which model it will be.
 */
function headStart(args: readonly string[]): void {
  if (asksToComplete(args)) return
  const [name, ...rest] = spelledOut(args)
  const command = COMMANDS.find((command) => command.name === name)
  if (!command?.runsModel || rest.some((word) => WITHOUT_MODEL.includes(word))) return
  startThreadAhead()
  // The command imports it again, and reports the error.
  import('../library/load-model.js').catch(() => undefined)
}
