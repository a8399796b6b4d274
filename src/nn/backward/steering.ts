/*
 * A further term of the loss on the probabilities that routers give to experts. It is a mean over all tokens of a step and over
 * the trained mixtures; each micro-batch adds its share.
 */

/** How load is steered, and what the mean is taken over. */
export interface SteeringTerm {
  kind: 'newcomers' | 'entropy'
  weight: number
  /** Tokens of the step times trained mixtures. */
  count: number
  /** 1 for each token of the micro-batch that newcomers are to leave to the others; absent: none. */
  kept?: Uint8Array
}

/**
 * Of probabilities p [T, rows] of one mixture, of which [from, to) are those of newcomers: returns the sum over tokens, and with
 * `gradient` adds the gradients of weight / count times it to the logits' gradients [T, rows].
 *
 * newcomers: -log P, P the sum over the newcomers, of a kept token over the others; by the logits p - p / P for those in the
 * sum, and p for the rest.
 * entropy: T times H of the mean m of p over the tokens; by p it is -(log m + 1).
 */
export function steer(
  { kind, weight, count, kept }: SteeringTerm,
  p: Float64Array,
  tokens: number,
  [from, to]: readonly [number, number],
  gradient?: Float64Array,
): number {
  const rows = p.length / tokens
  const factor = weight / count
  let sum = 0
  if (kind === 'newcomers') {
    if (from === to) return 0
    for (let t = 0; t < tokens; t++) {
      const at = t * rows
      const wantsOthers = kept?.[t] === 1
      let share = 0
      for (let e = 0; e < rows; e++) if ((e < from || e >= to) === wantsOthers) share += p[at + e]
      // Below it, its inverse would be infinite.
      share = Math.max(share, Number.MIN_VALUE * 2 ** 60)
      sum -= Math.log(share)
      if (!gradient) continue
      for (let e = 0; e < rows; e++) {
        const isWanted = (e < from || e >= to) === wantsOthers
        gradient[at + e] += factor * p[at + e] * (isWanted ? 1 - 1 / share : 1)
      }
    }
    return sum
  }
  const slopes = new Float64Array(rows)
  for (let e = 0; e < rows; e++) {
    let mean = 0
    for (let t = 0; t < tokens; t++) mean += p[t * rows + e]
    mean = Math.max(mean / tokens, Number.MIN_VALUE)
    sum -= tokens * mean * Math.log(mean)
    slopes[e] = -(Math.log(mean) + 1)
  }
  for (let t = 0; gradient && t < tokens; t++) {
    const at = t * rows
    let along = 0
    for (let e = 0; e < rows; e++) along += p[at + e] * slopes[e]
    for (let e = 0; e < rows; e++) gradient[at + e] += factor * p[at + e] * (slopes[e] - along)
  }
  return sum
}
