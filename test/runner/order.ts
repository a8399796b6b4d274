/** Files that measure the event loop or the end of a process, and fail when other work shares the machine: they run last, one by one. */
const ALONE = /(^|\/)(process-end|responsiveness)\.test\.js$/

/** Splits files into those that may run side by side, the longest first, and those that run alone. */
export function planned(
  files: readonly string[],
  seconds: Readonly<Record<string, number>>,
): { together: string[]; alone: string[] } {
  // A run that begins with long files does not end with a single busy worker. A new file may be long.
  const length = (file: string) => seconds[file] ?? Number.POSITIVE_INFINITY
  return {
    together: files.filter((file) => !ALONE.test(file)).sort((a, b) => length(b) - length(a) || (a < b ? -1 : 1)),
    alone: files.filter((file) => ALONE.test(file)),
  }
}
