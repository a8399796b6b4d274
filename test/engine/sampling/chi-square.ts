/**
 * Pearson's statistic of the difference between counts and probabilities. Infinite if an outcome of probability 0
 * occurs.
 */
export function chiSquare(counts: ArrayLike<number>, probabilities: readonly number[]): number {
  const draws = Array.from(counts).reduce((sum, count) => sum + count, 0)
  let statistic = 0
  for (let outcome = 0; outcome < probabilities.length; outcome++) {
    const expected = probabilities[outcome] * draws
    if (expected > 0) statistic += (counts[outcome] - expected) ** 2 / expected
    else if (counts[outcome] > 0) return Infinity
  }
  return statistic
}

/** Bound that a correct sampler with this many degrees of freedom exceeds about once in 100,000 times. */
export function chiSquareLimit(degrees: number): number {
  const z = 4.26 // normal quantile, through Wilson and Hilferty's cube
  return degrees * (1 - 2 / (9 * degrees) + z * Math.sqrt(2 / (9 * degrees))) ** 3
}
