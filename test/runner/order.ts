import { createHash } from 'node:crypto'

/** Files that measure the event loop or the end of a process, and fail when other work shares the machine: they run last, one by one. */
const ALONE = /(^|\/)(process-end|responsiveness)\.test\.js$/

/** Splits files into those that may run side by side, the longest first or shuffled by a seed, and those that run alone. */
export function planned(
  files: readonly string[],
  seconds: Readonly<Record<string, number>>,
  seed?: string,
): { together: string[]; alone: string[] } {
  // A run that begins with long files does not end with a single busy worker. A new file may be long.
  const length = (file: string) => seconds[file] ?? Number.POSITIVE_INFINITY
  const chance = (file: string) =>
    createHash('md5')
      .update(seed + file)
      .digest()
      .readUInt32LE()
  const rank = seed === undefined ? length : chance
  return {
    together: files.filter((file) => !ALONE.test(file)).sort((a, b) => rank(b) - rank(a) || (a < b ? -1 : 1)),
    alone: files.filter((file) => ALONE.test(file)),
  }
}
