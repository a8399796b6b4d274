/*
 * Three lanes, by the names of the files:
 *
 * x.test.ts         quick: what a user meets
 * x.more.test.ts    more: terminals and browsers of all sizes, kills, mounts, long trainings
 * x.matrix.test.ts  quick: any two values of its axes meet; in the lane all any three do, in the lane matrix all of them
 */

export const LANES = ['quick', 'more', 'matrix', 'all'] as const
export type Lane = (typeof LANES)[number]

/** Whether a lane has a file. */
export function isIn(lane: Lane, file: string): boolean {
  if (lane === 'all') return true
  if (lane === 'matrix') return file.includes('.matrix.test.')
  return file.includes('.more.test.') === (lane === 'more')
}

/** Files of a lane whose path matches one of the patterns; all without patterns. Throws for a pattern that matches none. */
export function matching(patterns: readonly string[], files: readonly string[]): string[] {
  const expressions = patterns.map((pattern) => new RegExp(pattern))
  const idle = patterns.filter((_, i) => !files.some((file) => expressions[i].test(file)))
  if (idle.length > 0) throw new Error(`no test file of this lane matches ${idle.join(', ')}`)
  return files.filter((file) => patterns.length === 0 || expressions.some((expression) => expression.test(file)))
}

/** Variable of the environment with the number of values that meet. */
export const STRENGTH = 'MOLM_TEST_STRENGTH'

/** Number of values that meet in a lane. */
export function strengthOf(lane: Lane): number {
  if (lane === 'matrix') return Number.POSITIVE_INFINITY
  return lane === 'all' ? 3 : 2
}
