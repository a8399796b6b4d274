/** Files that take longest, the longest first: a run that begins with them does not end with one worker waiting. */
export const LONG_FILES: readonly string[] = [
  'teaching/teach.test.js',
  'cli/pull.test.js',
  'architectures/families.test.js',
]

/** Files that measure time or memory, and fail when other work shares the machine: they run last, one by one. */
export const ALONE: readonly string[] = [
  'engine/small-memory.test.js',
  'library/process-end.test.js',
  'session/responsiveness.test.js',
]

/** Splits files into those that may run side by side, in the order to start them, and those that run alone. */
export function planned(files: readonly string[]): { together: string[]; alone: string[] } {
  const rank = (file: string) => (LONG_FILES.includes(file) ? LONG_FILES.indexOf(file) : LONG_FILES.length)
  return {
    together: files.filter((file) => !ALONE.includes(file)).sort((a, b) => rank(a) - rank(b)),
    alone: files.filter((file) => ALONE.includes(file)),
  }
}
