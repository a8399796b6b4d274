import type { AssistantMessage, ChatStep } from '../../../api/chat.js'
import type { GenerationResult, Step } from '../../../api/generation.js'
import type { ChatMessage } from '../../../api/text.js'
import type { AnswerEvent } from '../../../text/answer-reader.js'

/** A part of a message. */
export type Part = ChatStep['kind']

/** A finished answer, and how it ended. */
export interface Answered {
  message: AssistantMessage
  result: GenerationResult
  /** The part of the message at its end. */
  place: Part
}

/** The end of an answer, to print. */
export interface AnswerEnd extends Answered {
  /** Events held back until the end. */
  events: readonly AnswerEvent[]
  /** Tokens of the prompt that were read: those of earlier answers are known. */
  readTokens: number
  /** Whether no other answer follows: the model has called no tools. */
  isLast: boolean
}

/** Prints answers as they are generated. */
export interface RunWriter {
  /** Begins an answer, with its given beginning. */
  start(prefill: string): Promise<void>
  /** Prints what a token makes certain. It belongs to the part `kind` of the message, even if it makes nothing certain. */
  step(step: Step, events: readonly AnswerEvent[], kind: Part): Promise<void>
  end(ended: AnswerEnd): Promise<void>
  /** Prints the results of the calls of the latest answer. */
  ran(results: readonly ChatMessage[]): Promise<void>
  /** Called instead of `end`: prints what is known. */
  interrupted(promptTokens: number): Promise<void>
}

/** The text of one part of a message. */
export function textOf(events: readonly AnswerEvent[], kind: 'thinking' | 'content'): string {
  return events.map((event) => (event.kind === kind ? event.text : '')).join('')
}
