/*
 * Imported first, so that it is loaded when reading another module fails. It imports nothing itself.
 */

/** The message for an error about too many open files; undefined for other errors. */
export function tooManyFiles(error: unknown): string | undefined {
  const message = error instanceof Error ? error.message : ''
  if (!/^E[MN]FILE\b/.test(message)) return undefined
  return 'the limit of open files is too low; raise it (ulimit -n 1024) and try again'
}
