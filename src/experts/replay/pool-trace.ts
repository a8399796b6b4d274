/** Uses of a pool's experts by one micro-batch in one layer. */
export interface PoolUse {
  /** Number of the micro-batch, from 0. */
  pass: number
  layer: number
  /** Experts in use, by their numbers in the pool: distinct and rising, as the engine asks for them. */
  experts: Int32Array
}

/** All uses of the experts of one kind in one bank. */
export interface PoolTrace {
  /** Experts of the pool; they are numbered layer after layer. */
  experts: number
  /** Layer of each. */
  layerOf: Int32Array
  /** Experts of the layer that has the most: a prompt may need them at once. */
  most: number
  /** In order. */
  uses: PoolUse[]
}

/**
 * Replays the uses of a pool with room for `capacity` experts, at least `most`. Returns the misses of each use: experts
 * that had to be read.
 */
export type Policy = (trace: PoolTrace, capacity: number) => Int32Array
