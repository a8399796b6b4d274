/*
 * Three lanes, by the names of the files:
 *
 * x.test.ts         quick: what a user meets
 * x.more.test.ts    more: terminals and browsers of all sizes, kills, mounts, long trainings
 * x.matrix.test.ts  quick, with pairs of the values of its axes; the lanes matrix and all take all of their combinations
 */

export const LANES = ['quick', 'more', 'matrix', 'all'] as const
export type Lane = (typeof LANES)[number]

/** Whether a lane has a file. */
export function isIn(lane: Lane, file: string): boolean {
  if (lane === 'all') return true
  if (lane === 'matrix') return file.includes('.matrix.test.')
  return file.includes('.more.test.') === (lane === 'more')
}

/** Set in the environment of tests that take all combinations. */
export const MATRIX = 'MOLM_TEST_MATRIX'
