import type { Step } from '../../../api/generation.js'
import type { ChatMessage } from '../../../api/text.js'
import type { AnswerPart } from '../../../engine/session/answer.js'
import type { Answered } from '../../../engine/session/turn.js'
import type { AnswerEvent } from '../../../text/answer-reader.js'

/** Prints answers as they are generated. */
export interface RunWriter {
  /** Begins an answer, with its given beginning. */
  start(prefill: string): Promise<void>
  /** Prints what a token makes certain. It belongs to the part `part` of the message, even if it makes nothing certain. */
  step(step: Step, events: readonly AnswerEvent[], part: AnswerPart): Promise<void>
  end(answered: Answered): Promise<void>
  /** Prints the result of a call of the latest answer. */
  ran(result: ChatMessage): Promise<void>
  /** Called instead of `end`: prints what is known. */
  interrupted(promptTokens: number): Promise<void>
}
