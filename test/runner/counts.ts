/** Numbers of tests in a file or a run. */
export interface Counts {
  total: number
  passed: number
  skipped: number
}

/** Splits what uvu printed for a file into the counts at its end and the output before them. Missing counts are 0. */
export function splitCounts(printed: string): Counts & { output: string } {
  const end = printed.lastIndexOf('\n  Total:')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours
  const summary = end < 0 ? '' : printed.slice(end).replace(/\x1b\[[0-9;]*m/g, '')
  const count = (name: string) => Number(new RegExp(`${name}: +(\\d+)`).exec(summary)?.[1] ?? 0)
  return {
    total: count('Total'),
    passed: count('Passed'),
    skipped: count('Skipped'),
    output: end < 0 ? printed : printed.slice(0, end),
  }
}
