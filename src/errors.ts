/** An error whose message is written for the person at the terminal: what went wrong, where, and what to do. */
export class UserError extends Error {
  override name = 'UserError'
  /** Exit code of the command that meets it: 1 failed, 2 wrong usage. */
  readonly exitCode: 1 | 2 = 1
}

/** Wrong usage: an option, argument or combination of them that cannot be meant. */
export class UsageError extends UserError {
  override name = 'UsageError'
  override readonly exitCode = 2
}

/** No room is left for the tokens of a text, beside those of all other texts that share the memory. */
export class NoRoom extends UserError {
  constructor(
    message: string,
    /** Tokens of this text that are held, and that there is no room for; none if not even an empty text fits. */
    readonly tokens: { held: number; more: number },
  ) {
    super(message)
  }
}

/**
 * A message with its options by the names that `nameOf` gives them, if it knows them. Messages name an option as the
 * library does, in backticks: `maxTokens`; whoever shows them to somebody who types options puts in what is typed there.
 */
export function renameOptions(message: string, nameOf: (option: string) => string | undefined): string {
  return message.replace(/`([a-z][A-Za-z]*)`/g, (quoted: string, option: string) => nameOf(option) ?? quoted)
}

/** The system's name for what went wrong, such as ENOENT. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined
}
