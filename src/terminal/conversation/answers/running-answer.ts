import type { GenerationResult, PromptProgress } from '../../../api/generation.js'
import type { LayerRoutes } from '../../../api/routes.js'
import type { ChatMessage, Tokenizer, ToolCall } from '../../../api/text.js'
import type { Answer, AnswerEnd, AnswerPart, AnswerToken } from '../../../engine/session/answer.js'
import type { Prompt } from '../../../engine/session/prompt.js'
import type { OfferedTool } from '../../../engine/session/run-calls.js'
import type { AnswerEvent, Reading } from '../../../text/answer-reader.js'

export interface AnswerWatcher {
  /** The tokens before the answer, old and new, just before the new ones are read. */
  prompt(prompt: Prompt): void
  progress(progress: PromptProgress): void
  /** The last new tokens before the answer, with the routes of all of them. */
  read(tokens: readonly number[], routes: readonly LayerRoutes[]): void
  /** More text of a part of the message; for a call the model's notation. */
  text(piece: string, part: AnswerPart): void
  /** The newest token, the natural logarithm of its probability, and the part that the text after it belongs to. */
  token(token: number, logprob: number, part: AnswerPart): void
  routes(routes: LayerRoutes[]): void
  /** Number of the oldest messages that no longer fit into the model's context. */
  leftOut(messages: number): void
  /** The answer keeps only its first `tokens` tokens: those after them were a stop string. */
  end(tokens: number): void
}

export interface CallWatcher {
  readonly tools: readonly OfferedTool[]
  /** An answer has calls, which come next. */
  answered(answer: FinishedAnswer): void
  called(call: ToolCall): void
  allow(call: ToolCall, tool: OfferedTool): Promise<boolean>
  result(message: ChatMessage): void
  asksAgain(): void
  failed(error: unknown): void
  /** The calls have been stopped. Returns the result of the one that was running. */
  stopped(): ChatMessage[]
  /** The turn has ended without an answer, and maybe with calls that have no results. */
  brokeOff(hasOpenCalls: boolean, isInterrupted?: boolean): void
}

export interface FinishedAnswer {
  text: string
  thinking?: string
  calls?: readonly ToolCall[]
  finishReason: GenerationResult['finishReason'] | 'interrupted'
  continues: boolean
  /** Whether it was to continue, and nothing came. */
  hadEnded?: true
  contextFull?: boolean
  tokensPerSecond?: number
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

export class RunningAnswer {
  private readonly tokens: number[] = []
  private shown = ''
  private firstAt = 0
  private lastAt = 0

  constructor(
    private readonly watcher: AnswerWatcher,
    private readonly answer: Answer,
    /** Ids before the answer. */
    readonly prompt: readonly number[],
    private readonly begun?: ChatMessage,
  ) {}

  add({ step, events, part }: AnswerToken): void {
    this.lastAt = performance.now()
    if (this.tokens.length === 0) this.firstAt = this.lastAt
    this.tokens.push(step.token)
    this.watcher.token(step.token, step.logprob, part)
    if (step.routes) this.watcher.routes(step.routes)
    this.show(events)
  }

  /** Makes a message of the answer. Without an end it was interrupted. */
  end(end: AnswerEnd | undefined, tokenizer: Tokenizer): { finished: FinishedAnswer; newest: NewestAnswer } {
    const { answer, begun } = this
    const { result } = end ?? {}
    const ended = result?.finishReason === 'stop' || result?.finishReason === 'eos'
    this.show(end?.events ?? answer.end(true))
    if (result?.finishReason === 'stop') this.keep(tokensOf(result, tokenizer))
    // The answer may have been cut right behind its calls.
    const hasNewCalls = begun?.toolCalls === undefined && answer.message.toolCalls !== undefined
    const hadEnded = begun !== undefined && ended && this.shown.trim() === '' && !hasNewCalls
    if (hadEnded) this.keep(0)
    const message = hadEnded ? begun : messageOf(answer, ended)
    const { finishReason = 'interrupted', contextFull } = result ?? {}
    const finished: FinishedAnswer = {
      text: message.content,
      thinking: message.thinking,
      ...(ended && !hadEnded && message.toolCalls && { calls: message.toolCalls }),
      continues: begun !== undefined,
      finishReason,
      contextFull,
      tokensPerSecond: result ? speedOf(result) : this.speed,
      ...(hadEnded && { hadEnded }),
    }
    const ids = [...this.prompt, ...this.tokens]
    return { finished, newest: { message, ids, reading: answer.reading, raw: answer.raw } }
  }

  private keep(count: number): void {
    this.tokens.length = count
    this.watcher.end(count)
  }

  private show(events: readonly AnswerEvent[]): void {
    for (const event of events) {
      if (event.kind === 'called') {
        this.shown += event.call.name
        continue
      }
      this.shown += event.text
      this.watcher.text(event.text, event.kind)
    }
  }

  /** Tokens per second as they arrived; undefined if there are too few. */
  private get speed(): number | undefined {
    const count = this.tokens.length - 1
    return count > 0 ? (1000 * count) / (this.lastAt - this.firstAt) : undefined
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
