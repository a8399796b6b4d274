import type { GenerationResult } from '../../../api/generation.js'
import type { ChatMessage, Tokenizer, ToolCall } from '../../../api/text.js'
import type { Answer, AnswerEnd, AnswerToken } from '../../../engine/session/answer.js'
import type { Reading } from '../../../text/answer-reader.js'

export interface FinishedAnswer {
  message: ChatMessage
  /** Calls of a whole answer. */
  calls?: readonly ToolCall[]
  finishReason: GenerationResult['finishReason'] | 'interrupted'
  /** Whether it continues a message, or follows answers of the same turn. */
  continues?: boolean
  /** Whether it was to continue, and nothing came. */
  hadEnded?: true
  contextFull?: boolean
  tokensPerSecond?: number
  /** Number of its new tokens; tokens of a stop string do not count. */
  tokens: number
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

/** An answer that is being written. */
export class RunningAnswer {
  private isBlank = true
  private firstAt?: number
  private lastAt = 0

  constructor(
    private readonly answer: Answer,
    /** Ids before the answer. */
    readonly prompt: readonly number[],
    private readonly partial?: ChatMessage,
  ) {}

  add({ events }: Pick<AnswerToken, 'events'>): void {
    this.lastAt = performance.now()
    this.firstAt ??= this.lastAt
    this.look(events)
  }

  /** Makes a message of the answer. Without an end it was interrupted. */
  end(end: AnswerEnd | undefined, tokenizer: Tokenizer) {
    const { answer, partial } = this
    const { result } = end ?? {}
    const ended = result?.finishReason === 'stop' || result?.finishReason === 'eos'
    const events = end?.events ?? answer.end(true)
    this.look(events)
    // The answer may have been cut right behind its calls.
    const hasNewCalls = partial?.toolCalls === undefined && answer.message.toolCalls !== undefined
    const hadEnded = partial !== undefined && ended && this.isBlank && !hasNewCalls
    const message = hadEnded ? partial : messageOf(answer, ended)
    const whole = result?.finishReason === 'stop' ? tokensOf(result, tokenizer) : answer.tokens.length
    const tokens = hadEnded ? 0 : whole
    const { finishReason = 'interrupted', contextFull } = result ?? {}
    const finished: FinishedAnswer = {
      message,
      ...(ended && !hadEnded && message.toolCalls && { calls: message.toolCalls }),
      finishReason,
      contextFull,
      tokensPerSecond: result ? speedOf(result) : this.speed,
      ...(hadEnded && { hadEnded }),
      tokens,
    }
    const ids = [...this.prompt, ...answer.tokens.slice(0, tokens)]
    const newest: NewestAnswer = { message, ids, reading: answer.reading, raw: answer.raw }
    return { events, finished, newest }
  }

  private look(events: AnswerToken['events']): void {
    this.isBlank &&= events.every((event) => event.kind !== 'called' && event.text.trim() === '')
  }

  /** Tokens per second as they arrived; undefined if there are too few. */
  private get speed(): number | undefined {
    const count = this.answer.tokens.length - 1
    return count > 0 && this.firstAt !== undefined ? (1000 * count) / (this.lastAt - this.firstAt) : undefined
  }
}

/** The message of an answer; without calls unless it is whole. */
function messageOf({ message }: Answer, isWhole: boolean): ChatMessage {
  const { toolCalls, ...rest } = message
  return isWhole ? message : rest
}

/** Number of tokens whose text is part of the generation's text. */
function tokensOf({ tokens, text }: GenerationResult, tokenizer: Tokenizer): number {
  let rest = Buffer.byteLength(text)
  let count = 0
  while (count < tokens.length && rest > 0) rest -= tokenizer.bytesOf(tokens[count++]).length
  return count
}

/** Tokens per second by the engine's clock. */
function speedOf({ tokens, decodeMs }: GenerationResult): number | undefined {
  return tokens.length > 1 && decodeMs > 0 ? (1000 * (tokens.length - 1)) / decodeMs : undefined
}
