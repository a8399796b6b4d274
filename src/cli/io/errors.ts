import { type Command, CommanderError } from 'commander'
import { NoRoom, UserError } from '../../ground/errors.js'
import { messageText } from '../../ground/message.js'
import { formatCount } from '../../ground/numbers.js'
import { printable, printableLines } from '../../ground/printable.js'
import { interruption } from './interrupt.js'
import { tooManyFiles } from './open-files.js'
import { ClosedPipe, note, writeErr } from './output.js'

/** Adds to a message what the command line knows, such as the origin of a name. */
type Complete = (message: string) => string

/**
 * Prints the error that ended a command and sets the exit code. `command` is undefined if the command line names no
 * command. `complete` receives the message before it is printed.
 */
export function reportError(error: unknown, command?: Command, complete: Complete = (message) => message): void {
  const early = interruption()
  if (early) {
    // The user knows of the interruption, but not of what it left undone.
    if (error instanceof UserError) reportFailure(error, complete, command)
    process.exitCode = early.exitCode
  } else if (error instanceof ClosedPipe) return
  else if (error instanceof CommanderError) reportUsage(error, command)
  else reportFailure(error, complete, command)
}

/** The parser also throws after it has printed `--help` or `--version`, with exit code 0. */
function reportUsage(error: CommanderError, command?: Command): void {
  if (error.exitCode === 0) return
  process.exitCode = 2
  const page = `${command ? `molm ${command.name()}` : 'molm'} --help`
  const rest = error.code === 'commander.unknownOption' ? ' all' : ''
  note(`${error.message.replace(/^error: /, '')}\nsee ${page}${rest}`)
}

function reportFailure(error: unknown, complete: Complete, command?: Command): void {
  process.exitCode = error instanceof UserError ? error.exitCode : 1
  note(complete(messageOf(error, (option) => flagOf(option, command))))
  if (process.env.MOLM_DEBUG === '1' && error instanceof Error) {
    writeErr(`${printableLines(error.stack ?? '')}\n`)
  }
}

/** The flag of an option that the library calls `maxTokens`: --max-tokens. Undefined if the command does not have it. */
function flagOf(option: string, command?: Command): string | undefined {
  return command?.options.find((known) => known.attributeName() === option && !known.negate)?.long
}

/**
 * The message for a text that does not fit into memory. The library's own message advises on sessions, which a user of the
 * command line does not know. `context` is the option that limits the context, if the command has one.
 */
export function noRoomMessage({ message, tokens: { held, more } }: NoRoom, context?: string): string {
  if (held + more === 0) return message
  const memory = 'in the 4 GiB of a WebAssembly memory'
  const remedy = context ? `${context} N lets only the latest N count` : 'give less text'
  // One more token: a generation, not a prompt.
  if (more === 1) return `the text has reached ${formatCount(held)} tokens: no room for more ${memory}; ${remedy}`
  return `no room for ${formatCount(held + more)} tokens of text ${memory}; ${remedy}`
}

function messageOf(error: unknown, flagFor: (option: string) => string | undefined): string {
  if (error instanceof NoRoom) return noRoomMessage(error, flagFor('context'))
  if (error instanceof UserError) return messageText(error.phrase, flagFor)
  const known = tooManyFiles(error) ?? missingPackage(error)
  if (known) return known
  const [line] = (error instanceof Error ? error.message : String(error)).split('\n')
  return `${printable(line) || 'something went wrong'}\n(unexpected error; MOLM_DEBUG=1 prints the stack)`
}

/**
 * The message for an error about a package that `npm i --omit=optional` left out; undefined for other errors. `molm chat`
 * needs Ink and React and `molm serve` needs hono; the library and `molm run` do not.
 */
function missingPackage(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || error.code !== 'ERR_MODULE_NOT_FOUND') return undefined
  const name = /^Cannot find package '([^']+)'/.exec(error.message)?.[1]
  return name && `the package ${name} is not installed; \`npm i molm\` without --omit=optional installs it`
}
