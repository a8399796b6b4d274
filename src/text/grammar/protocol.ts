import type { GuidePhase } from '../../api/guide.js'
import type { Message } from '../../ground/message.js'
import type { GuideMemory } from './guide-memory.js'
import type { VocabularyData } from './run/vocabulary.js'

/** A phase whose fixed texts are tokens, and whose grammars are places in a list. */
export type EncodedPhase =
  | { kind: 'forced'; tokens: number[] }
  | (Omit<Extract<GuidePhase, { kind: 'free' }>, 'close'> & { close: number[] })
  | { kind: 'grammar'; grammar: number }
  | { kind: 'calls'; triggers: { text: string; grammar: number }[]; once?: boolean }

/** Data that a thread for preparing grammars starts with. */
export interface PrepareThreadData {
  specials: string[]
  marks: Int32Array
}

export interface PrepareRequest {
  /** From 1 on. */
  id: number
  /** JSON of each `Grammar`. */
  grammars: string[]
}

/** A reply for each grammar, in order, up to the first with an error. */
export interface PrepareReply {
  id: number
  /** Words of the grammar (`sharedGrammar`). */
  words?: SharedArrayBuffer
  error?: Message
}

/** A grammar that any thread can follow. */
export interface PreparedGrammar {
  number: number
  /** Whether a text of this grammar alone has been slow. */
  isSlow?: boolean
  words: SharedArrayBuffer
}

/** Data that a thread for following guides starts with. */
export interface FollowThreadData {
  vocabulary: VocabularyData
  marks: Int32Array
}

export interface GuideText {
  /** JSON of a list of `EncodedPhase`. */
  phases: string
  grammars: readonly PreparedGrammar[]
  eos: readonly number[]
  memory: GuideMemory
}

export type FollowRequest =
  /** Follows a guide from the beginning of its text on. `id` is from 1 on. */
  | ({ id: number; leave?: undefined } & GuideText)
  /** Leaves a guide to another thread; the thread replies once it has. */
  | { id: number; leave: true }

/** The guide has its first limits, or has failed before; or the thread has left it. */
export interface FollowReply {
  id: number
  error?: Message
  hasLeft?: boolean
}
