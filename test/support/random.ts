import { seededRandom } from '#molm/sampling/random.js'

/** Normally distributed numbers, reproducible by seed. */
export function normals(seed: number): () => number {
  const random = seededRandom(seed)
  return () => Math.sqrt(-2 * Math.log(1 - random.nextFloat())) * Math.cos(2 * Math.PI * random.nextFloat())
}

/** Array of normally distributed floats. */
export function normalFloats(count: number, seed: number, scale = 1): Float32Array {
  const next = normals(seed)
  const floats = new Float32Array(count)
  for (let i = 0; i < count; i++) floats[i] = scale * next()
  return floats
}

/** Array of integers, uniform in 0 ... below - 1. */
export function integers(count: number, seed: number, below: number): number[] {
  const random = seededRandom(seed)
  return Array.from({ length: count }, () => Math.floor(random.nextFloat() * below))
}
