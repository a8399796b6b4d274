/*
 * Imported before all else of the command line, so that it is there when the rest cannot be read; it imports nothing.
 */

/** The message for an error that means: the system lets this process open no more files. Undefined for another error. */
export function tooManyFiles(error: unknown): string | undefined {
  const message = error instanceof Error ? error.message : ''
  if (!/^E[MN]FILE\b/.test(message)) return undefined
  return 'the system lets a process open too few files at once; raise the limit (ulimit -n 1024) and try again'
}
