/** Mean of paired differences and its standard error. */
export interface Difference {
  mean: number
  error: number
}

/** Sums of the differences of some pairs. */
export class Differences {
  count = 0
  private sum = 0
  private squares = 0

  add(difference: number): void {
    this.count++
    this.sum += difference
    this.squares += difference * difference
  }

  get difference(): Difference {
    const mean = this.sum / this.count
    const variance = Math.max(0, this.squares - this.count * mean * mean) / (this.count - 1)
    return { mean, error: Math.sqrt(variance / this.count) }
  }

  /** Probability of a mean as far from 0 if it is 0 in truth, by Student's t. */
  get p(): number {
    const { mean, error } = this.difference
    if (mean === 0) return 1
    return error === 0 ? 0 : studentTails(mean / error, this.count - 1)
  }
}

/**
 * Probability beyond -t and t of Student's distribution with whole degrees of freedom: the finite sums of Abramowitz and
 * Stegun, 26.7.3 and 26.7.4.
 */
export function studentTails(t: number, freedom: number): number {
  const angle = Math.atan(Math.abs(t) / Math.sqrt(freedom))
  const [sine, square] = [Math.sin(angle), Math.cos(angle) ** 2]
  const isOdd = freedom % 2 === 1
  let term = isOdd ? Math.cos(angle) : 1
  let sum = freedom === 1 ? 0 : term
  for (let i = isOdd ? 3 : 2; i <= freedom - 2; i += 2) {
    term *= (square * (i - 1)) / i
    sum += term
  }
  const within = isOdd ? (2 / Math.PI) * (angle + sine * sum) : sine * sum
  return Math.max(0, 1 - within)
}

/**
 * Which of many tests find something, if a share of `rate` of those may be false: Benjamini and Hochberg (1995). Returns
 * the largest p that counts; negative if none does.
 */
export function falseDiscoveryBound(ps: readonly number[], rate: number): number {
  const rising = ps.toSorted((a, b) => a - b)
  return rising.findLast((p, i) => p <= (rate * (i + 1)) / rising.length) ?? -1
}
