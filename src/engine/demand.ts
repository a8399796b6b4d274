import type { TokenLogits } from '../nn/decoder.js'
import type { KVCache } from '../nn/kv-cache.js'
import type { Taps } from '../nn/taps.js'

/** What a task wants of the model before it goes on: tokens to be run after those in a cache. */
export interface Demand {
  /** The model may take only the first of them at once. */
  tokens: Int32Array
  /** Number of the first of them in the task's request: `logitsFrom` and `take` count from there. */
  first: number
  cache: KVCache
  taps: Omit<Taps, 'stopped'>
  /** Whether nobody wants it any more. */
  stopped: () => boolean
  /** Number of the first token whose logits are wanted, and with it those of all that follow. */
  logitsFrom: number
  /** Takes the logits of token number `token`. */
  take: (token: number, logits: TokenLogits) => void
}

/** What a task yields that wants nothing of the model, but lets others have their micro-batch before it goes on. */
export type Turn = undefined

/**
 * Work that may be interleaved with other work. It yields what it wants of the model, and is told how many of the tokens
 * have been run (after a turn 0); an error that is thrown into it ends it. Its return value is the reply to the request.
 */
export type Task<T = unknown> = Generator<Demand | Turn, T, number>

/** Thrown where a caller's abort has ended the work. */
export class Stopped extends Error {}
