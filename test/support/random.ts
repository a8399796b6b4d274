import { seededRandom } from '#molm/engine/sampling/random.js'

/** Normally distributed numbers, reproducible by seed. */
export function normals(seed: number): () => number {
  const random = seededRandom(seed)
  return () => Math.sqrt(-2 * Math.log(1 - random.nextFloat())) * Math.cos(2 * Math.PI * random.nextFloat())
}

/** Bounds of the numbers that are kept for further calls: seeds, and numbers of each. */
const [MOST_SEEDS, MOST_KEPT] = [24, 2 ** 18]

interface Stream {
  next: () => number
  numbers: number[]
}

/** Numbers so far by seed: tests of kernels ask for the same ones hundreds of times. */
const streams = new Map<number, Stream>()

function streamOf(seed: number): Stream {
  const stream = streams.get(seed) ?? { next: normals(seed), numbers: [] }
  // The seeds used latest stay.
  streams.delete(seed)
  streams.set(seed, stream)
  for (const other of streams.keys()) if (streams.size > MOST_SEEDS) streams.delete(other)
  return stream
}

/** Array of normally distributed floats. */
export function normalFloats(count: number, seed: number, scale = 1): Float32Array {
  const { next, numbers } = count > MOST_KEPT ? { next: normals(seed), numbers: [] } : streamOf(seed)
  while (numbers.length < count) numbers.push(next())
  const floats = new Float32Array(count)
  for (let i = 0; i < count; i++) floats[i] = scale * numbers[i]
  return floats
}

/** Array of integers, uniform in 0 ... below - 1. */
export function integers(count: number, seed: number, below: number): number[] {
  const random = seededRandom(seed)
  return Array.from({ length: count }, () => Math.floor(random.nextFloat() * below))
}
