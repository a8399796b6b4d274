import { CommanderError } from 'commander'
import { UserError } from '../errors.js'
import { printable, printableLines } from '../printable.js'
import { interruption } from './interrupt.js'
import { ClosedPipe, note } from './output.js'

/** Tells the user what ended the command and sets the exit code. `command` names the help page that may be of use. */
export function reportError(error: unknown, command: string): void {
  const early = interruption()
  if (early) process.exitCode = early.exitCode
  else if (error instanceof ClosedPipe) return
  else if (error instanceof CommanderError) reportUsage(error, command)
  else reportFailure(error)
}

/** The parser also throws for `--help` and `--version`, with exit code 0, once they are printed. */
function reportUsage(error: CommanderError, command: string): void {
  if (error.exitCode === 0) return
  process.exitCode = 2
  note(`${error.message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' ')}\nsee ${command} --help`)
}

function reportFailure(error: unknown): void {
  process.exitCode = error instanceof UserError ? error.exitCode : 1
  note(messageOf(error))
  if (process.env.MOLM_DEBUG === '1' && error instanceof Error) {
    process.stderr.write(`${printableLines(error.stack ?? '')}\n`)
  }
}

function messageOf(error: unknown): string {
  if (error instanceof UserError) return error.message
  const [line] = (error instanceof Error ? error.message : String(error)).split('\n')
  return `${printable(line) || 'something went wrong'}\n(unexpected error; MOLM_DEBUG=1 shows where it happened)`
}
