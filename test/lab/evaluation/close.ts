import * as assert from 'uvu/assert'

/** Checks that a number is within `tolerance` of the expected one. */
export function assertClose(actual: number, expected: number, tolerance: number): void {
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not within ${tolerance} of ${expected}`)
}
