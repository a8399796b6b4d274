import { seededRandom } from '#molm/engine/sampling/random.js'

/** Normally distributed logits, rounded to `step` so that equal ones occur. */
export function normalLogits(size: number, deviation: number, seed: number, step = 1 / 1024): Float32Array {
  const random = seededRandom(seed)
  return Float32Array.from({ length: size }, () => {
    const radius = Math.sqrt(-2 * Math.log(1 - random.nextFloat()))
    const value = deviation * radius * Math.cos(2 * Math.PI * random.nextFloat())
    return Math.round(value / step) * step
  })
}

/** All ids in order of rank: larger logit first, then lower id. The samplers must agree with this plain way. */
export function ranking(logits: Float32Array): number[] {
  return Array.from(logits.keys()).sort((a, b) => logits[b] - logits[a] || a - b)
}

/** Softmax in double precision at a temperature. */
export function softmax(logits: ArrayLike<number>, temperature = 1): number[] {
  const largest = Math.max(...Array.from(logits))
  const weights = Array.from(logits, (logit) => Math.exp((logit - largest) / temperature))
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  return weights.map((weight) => weight / total)
}
