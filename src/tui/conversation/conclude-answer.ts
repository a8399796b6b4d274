import type { GenerationResult } from '../../api/generation.js'
import type { ChatMessage, Tokenizer } from '../../api/text.js'
import type { Reading } from '../../text/answer-reader.js'
import { type Answer, type RunningAnswer, speedOf, tokensOf } from './running-answer.js'

/** An answer that was run, and what it was run after. */
interface RunAnswer {
  prompt: readonly number[]
  /** Absent if it was interrupted before the prompt was written. */
  answer?: RunningAnswer
  /** Absent if the answer was interrupted. */
  result?: GenerationResult
  /** The message that it continues. */
  begun?: ChatMessage
  /** Its text if nothing came. */
  prefill: string
}

/** The newest answer, as the model has read and written it. */
export interface NewestAnswer {
  message: ChatMessage
  /** All ids up to its end: the cache may lack the last. */
  ids: number[]
  reading: Reading
  /** Its text, with the model's notation for thoughts and calls. */
  raw: string
}

interface ConcludedAnswer {
  answer: Answer
  message: ChatMessage
  /** Absent if the prompt was not written. */
  newest?: NewestAnswer
}

/** Ends a finished or interrupted answer, and makes a message of it. */
export function concludeAnswer(
  { prompt, answer, result, begun, prefill }: RunAnswer,
  tokenizer: Tokenizer,
): ConcludedAnswer {
  const ended = result?.finishReason === 'stop' || result?.finishReason === 'eos'
  answer?.end(!ended)
  if (result?.finishReason === 'stop') answer?.keep(tokensOf(result, tokenizer))
  // The answer may have been cut right behind its calls.
  const hasNewCalls = begun?.toolCalls === undefined && answer?.message(true).toolCalls !== undefined
  const hadEnded = begun !== undefined && ended && answer?.isBlank === true && !hasNewCalls
  if (hadEnded) answer?.keep(0)
  const nothing = begun ?? { role: 'assistant', content: prefill }
  const message = hadEnded ? begun : (answer?.message(ended) ?? nothing)
  const { finishReason = 'interrupted', contextFull } = result ?? {}
  return {
    message,
    answer: {
      text: message.content,
      thinking: message.thinking,
      ...(ended && !hadEnded && message.toolCalls && { calls: message.toolCalls }),
      continues: begun !== undefined,
      finishReason,
      contextFull,
      tokensPerSecond: result ? speedOf(result) : answer?.speed,
      ...(hadEnded && { hadEnded }),
    },
    newest: answer && { message, ids: [...prompt, ...answer.tokens], reading: answer.reading, raw: answer.raw },
  }
}
