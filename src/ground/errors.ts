import { type Message, messageText, type Phrase, phrase } from './message.js'
import { printableLines } from './printable.js'

/** An error whose message is written for the user: the problem, its place and the remedy. */
export class UserError extends Error {
  override name = 'UserError'
  /** Exit code of the command: 1 failed, 2 wrong usage. */
  readonly exitCode: 1 | 2 = 1

  /** The message as data, for interfaces with their own names of options. `message` has the library's. */
  readonly phrase: Phrase

  constructor(message: Message, options?: ErrorOptions) {
    // It may quote others, such as the author of a file.
    const printable = phrase`${message}`.map((part) => (typeof part === 'string' ? printableLines(part) : part))
    super(messageText(printable), options)
    this.phrase = printable
  }
}

/** Wrong usage: an option, an argument or a combination of them that makes no sense. */
export class UsageError extends UserError {
  override name = 'UsageError'
  override readonly exitCode = 2
}

/** The memory that all texts share has no room for more tokens of a text. */
export class NoRoom extends UserError {
  constructor(
    message: Message,
    /** Tokens of this text in memory, and tokens without room; both 0 if not even an empty text fits. */
    readonly tokens: { held: number; more: number },
  ) {
    super(message)
  }
}

/** Memory is short now; later there may be enough. */
export class NoMemory extends UserError {}

/** Others take too much of what it needs now; it may be tried again. */
export class Busy extends UserError {
  constructor(
    message: Message,
    /** Seconds to wait. */
    readonly retryAfter: number,
  ) {
    super(message)
  }
}

/** The system's code of an error, such as ENOENT. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined
}
