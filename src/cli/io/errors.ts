import { type Command, CommanderError } from 'commander'
import { NoRoom, renameOptions, UserError } from '../../errors.js'
import { formatCount } from '../../numbers.js'
import { printable, printableLines } from '../../printable.js'
import { interruption } from './interrupt.js'
import { missingPackage } from './missing-package.js'
import { tooManyFiles } from './open-files.js'
import { ClosedPipe, note } from './output.js'

/** Adds to a message what the command line knows about it. */
type Complete = (message: string) => string

/**
 * Tells the user what ended the command and sets the exit code. Without a `command`, it was none that molm has. `complete`
 * is given each message before it is printed.
 */
export function reportError(error: unknown, command?: Command, complete: Complete = (message) => message): void {
  const early = interruption()
  if (early) {
    // The interruption is no news to who has caused it; what it has left undone is.
    if (error instanceof UserError) reportFailure(error, complete, command)
    process.exitCode = early.exitCode
  } else if (error instanceof ClosedPipe) return
  else if (error instanceof CommanderError) reportUsage(error, command)
  else reportFailure(error, complete, command)
}

/** The parser also throws for `--help` and `--version`, with exit code 0, once they are printed. */
function reportUsage(error: CommanderError, command?: Command): void {
  if (error.exitCode === 0) return
  process.exitCode = 2
  note(
    `${error.message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' ')}\nsee ${command ? `molm ${command.name()}` : 'molm'} --help`,
  )
}

function reportFailure(error: unknown, complete: Complete, command?: Command): void {
  process.exitCode = error instanceof UserError ? error.exitCode : 1
  const message = messageOf(error, flagOf('context', command))
  note(renameOptions(complete(message), (option) => flagOf(option, command)))
  if (process.env.MOLM_DEBUG === '1' && error instanceof Error) {
    process.stderr.write(`${printableLines(error.stack ?? '')}\n`)
  }
}

/** What the library calls `maxTokens` is --max-tokens, where the command has it. */
function flagOf(option: string, command?: Command): string | undefined {
  return command?.options.find((known) => known.attributeName() === option && !known.negate)?.long
}

/**
 * What to say about a text that no room is left for: the library's message advises on sessions, of which users of a
 * command know nothing. `context` is the command's option for the length of the context, if it has one.
 */
export function tellNoRoom({ message, tokens: { held, more } }: NoRoom, context?: string): string {
  if (held + more === 0) return message
  const memory = 'in the 4 GiB of a WebAssembly memory'
  const remedy = context ? `${context} N lets only the latest N count` : 'give less text'
  // A generation asks for one token at a time.
  if (more === 1) return `the text has reached ${formatCount(held)} tokens: no room for more ${memory}; ${remedy}`
  return `no room for ${formatCount(held + more)} tokens of text ${memory}; ${remedy}`
}

function messageOf(error: unknown, context?: string): string {
  if (error instanceof NoRoom) return tellNoRoom(error, context)
  if (error instanceof UserError) return error.message
  const known = tooManyFiles(error) ?? missingPackage(error)
  if (known) return known
  const [line] = (error instanceof Error ? error.message : String(error)).split('\n')
  return `${printable(line) || 'something went wrong'}\n(unexpected error; MOLM_DEBUG=1 shows where it happened)`
}
