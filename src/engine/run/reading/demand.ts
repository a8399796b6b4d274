import type { ExpertMask } from '../../../model/config/expert-mask.js'
import type { SequenceCache } from '../../../model/layers/cache/sequence-cache.js'
import type { TokenLogits } from '../../../model/layers/decoder.js'
import type { Taps } from '../../../model/layers/taps.js'

/** A task's demand on the model: tokens to run after the tokens in a cache. */
export interface Demand {
  /** Tokens to run; a micro-batch may take only the first of them. */
  tokens: Int32Array
  /** Number of drafts among them, the last ones. They need not run; they do if no other request waits. */
  drafts?: number
  /** Index of the first one in the task's request. `logitsFrom` and `take` count as the request does. */
  first: number
  cache: SequenceCache
  /** Positions at which the cache keeps checkpoints, rising. */
  marks: readonly number[]
  taps: Omit<Taps, 'stopped'>
  mask?: ExpertMask
  stopped: () => boolean
  /** Index of the first token whose logits are wanted; the logits of all later tokens are wanted, too. */
  logitsFrom: number
  /** Asked when the tokens have run: whether no logits are wanted after all. */
  skipsLogits?: () => boolean
  /** Receives the time of a micro-batch that ran only this demand's tokens. */
  timed?: (tokens: number, ms: number) => void
  /** Receives the logits of the token with index `token`. */
  take: (token: number, logits: TokenLogits) => void
}

/** Yielded to give up the turn without running tokens. */
export type Turn = undefined

/**
 * Work that is interleaved with other work. It yields its demands on the model and receives the number of tokens that
 * have been run; after a turn, 1 if no other task had tokens to run, else 0. An error that is thrown into it ends it. Its return value is the reply to the
 * request.
 */
export type Task<T = unknown> = Generator<Demand | Turn, T, number>

/** Thrown if the caller has stopped the request. */
export class Stopped extends Error {}
