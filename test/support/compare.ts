import * as assert from 'uvu/assert'

/** Largest absolute difference between two arrays. NaN if any number is NaN. */
export function maxDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new Error(`${a.length} numbers against ${b.length}`)
  let most = 0
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i] - b[i])
    if (!(difference <= most)) most = difference
  }
  return most
}

/** The numbers of all rows. */
export const inOneRow = (rows: readonly ArrayLike<number>[]): number[] => rows.flatMap((row) => Array.from(row))

/** Checks that every number is within `tolerance` of the expected one. */
export function isNear(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number, what = ''): void {
  const difference = maxDifference(actual, expected)
  assert.ok(difference <= tolerance, `${what} differs by ${difference}, more than ${tolerance}`)
}

/** Checks that two arrays of floats are equal bit for bit. */
export function sameBits(actual: Float32Array, expected: Float32Array, what = ''): void {
  const bits = (floats: Float32Array) => Buffer.from(floats.buffer, floats.byteOffset, floats.byteLength)
  if (bits(actual).equals(bits(expected))) return
  const i = actual.findIndex((value, i) => !Object.is(value, expected[i]))
  assert.unreachable(`${what}: float ${i} of ${expected.length} is ${actual[i]}, not ${expected[i]}`)
}
