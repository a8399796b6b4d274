import type { GenerateOptions } from '../../api/generation.js'
import type { PromptProgress, RoutedToken } from '../../api/wire.js'
import type { AnswerPart } from '../../engine/session/answer.js'
import type { SessionMask } from '../../engine/session/shared/nearest-session.js'
import type { AnswerEvent, Reading } from '../../text/answer-reader.js'
import type { ScoredToken } from './read-prompt.js'

/** A prompt, and how to continue it. */
export interface ChoiceSpec {
  /** At least one token, with room for more within the limits. */
  prompt: readonly number[]
  /** Form of the answer. */
  reading: Reading
  options: Omit<GenerateOptions, 'signal' | 'routes' | 'probabilities' | 'onPromptProgress' | 'onPromptRoutes'>
  /** Score the prompt's tokens too. */
  scorePrompt: boolean
  /** Report the experts of each token of the answer. */
  routes: boolean
  /** Report the experts of each token of the prompt. Default: false. */
  promptRoutes?: boolean
  /** Report how much of the prompt has been read. Default: false. */
  progress?: boolean
  /** Experts that no token may use. */
  mask?: SessionMask
}

/** One of a request's texts. */
export interface Choice {
  readonly index: number
  readonly spec: ChoiceSpec
  generated: number
  /** Tokens of thoughts among them. */
  thoughtTokens?: number
  /** Tokens of the prompt that an earlier request had left in the cache. */
  cached: number
  /** Tokens drafted by prompt lookup, and how many were right. */
  drafts?: { drafted: number; right: number }
  /** Milliseconds from its place to the first token, and from there to the last. */
  promptMs?: number
  answerMs?: number
}

/**
 * A part of a choice: first the progress and the tokens of the prompt if the request asks about them, then each token, then
 * the end.
 */
export interface AnswerPiece {
  index: number
  text: string
  tokens: ScoredToken[]
  routed?: RoutedToken[]
  promptRouted?: RoutedToken[]
  /** Parts of the message that the piece makes certain. */
  events?: readonly AnswerEvent[]
  /** Part of the message that its tokens belong to. */
  part?: AnswerPart
  /** A piece with progress has nothing else. */
  progress?: PromptProgress
  /** Only in a choice's last piece. */
  finishReason?: 'stop' | 'length'
  /** The stop string that ended the text. */
  stopString?: string
}
