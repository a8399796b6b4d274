import type { Bank } from '../runtime/bank.js'
import type { RouterWeights } from './router.js'

/** Addresses of a LayerNorm's vectors. */
export interface NormWeights {
  weight: number
  bias: number
}

/** Addresses of a projection with a bias. */
export interface ProjectionWeights {
  weight: number
  bias: number
}

/** Addresses of what every token of a block needs, in the block's bank. */
export interface BlockWeights {
  /** Index of the bank that holds the block and its experts. */
  bank: number
  norm1: NormWeights
  attentionRouter: RouterWeights
  /** Absent where K = V = LN1(x). */
  key?: ProjectionWeights
  value?: ProjectionWeights
  norm2: NormWeights
  mlpRouter: RouterWeights
}

/** The two kinds of experts of a block. */
export type ExpertKind = 'attention' | 'mlp'

/**
 * Where the weights of a model lie. Dense parts have fixed addresses; experts are asked for before each use, since they
 * may have to be read first.
 */
export interface Weights {
  readonly banks: Bank[]
  readonly embedding: number
  readonly blocks: BlockWeights[]
  readonly finalNorm: NormWeights
  readonly head: number
  /** Offset of the second matrix of an expert from its first. */
  readonly outputOffset: { attention: number; mlp: number }
  /**
   * Address of an expert (of its first matrix), after `require` has named it for the step at hand.
   */
  expert(layer: number, kind: ExpertKind, expert: number): number
  /** Makes the first `count` experts of the list ready; they stay so until the next call for the same bank. */
  require(layer: number, kind: ExpertKind, experts: Int32Array, count: number): void
}
