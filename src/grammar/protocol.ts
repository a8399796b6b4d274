import type { GuidePhase } from '../api/guide.js'
import type { VocabularyData } from './run/token-tree.js'

/** Most compiled grammars that a thread keeps. */
export const MOST_COMPILED = 32

/** A phase whose fixed texts are tokens. */
export type EncodedPhase =
  | Exclude<GuidePhase, { kind: 'forced' | 'free' }>
  | { kind: 'forced'; tokens: number[] }
  | (Omit<Extract<GuidePhase, { kind: 'free' }>, 'close'> & { close: number[] })

/** Data that a thread of guides starts with. */
export interface GuideThreadData {
  vocabulary: VocabularyData
  /** A number that changes while the thread is not busy with one computation. */
  pulse: Int32Array
}

/** Opens a guide. */
export interface OpenRequest {
  id: number
  /** JSON of a list of `EncodedPhase`. */
  phases: string
  eos: readonly number[]
  memory: SharedArrayBuffer
}

/** Reply to an OpenRequest. */
export interface OpenReply {
  id: number
  error?: string
}
