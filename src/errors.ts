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

/** The system's name for what went wrong, such as ENOENT. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined
}
