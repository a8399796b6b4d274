/** Logarithm of the sum of e^logit: what turns logits into logarithms of probabilities. */
export function logSumExp(logits: Float32Array): number {
  const most = logits[indexOfLargest(logits)]
  let sum = 0
  for (const logit of logits) sum += Math.exp(logit - most)
  return most + Math.log(sum)
}

/** Natural logarithm of a token's probability. */
export function logProbability(logits: Float32Array, token: number): number {
  return logits[token] - logSumExp(logits)
}

/** Kullback-Leibler divergence, in nats, of the distribution of `logits` from that of `reference`: 0 when they agree. */
export function divergence(reference: Float32Array, logits: Float32Array): number {
  const referenceNorm = logSumExp(reference)
  const norm = logSumExp(logits)
  let sum = 0
  for (let i = 0; i < logits.length; i++) {
    const logP = reference[i] - referenceNorm
    sum += Math.exp(logP) * (logP - (logits[i] - norm))
  }
  return sum
}

/** Index of the largest entry, the first of equal ones. */
export function indexOfLargest(values: ArrayLike<number>): number {
  let best = 0
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i
  return best
}
