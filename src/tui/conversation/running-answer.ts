import type { ChatStep } from '../../api/chat.js'
import type { GenerationResult, PromptProgress, Step } from '../../api/generation.js'
import type { LayerRoutes } from '../../api/routes.js'
import type { ChatMessage, Tokenizer, ToolCall } from '../../api/text.js'
import { AnswerReader, type Reading } from '../../text/answer-reader.js'

/** Part of a model's message. */
export type AnswerPart = ChatStep['kind']

/** Follows an answer as it comes. */
export interface AnswerWatcher {
  /** The chat template leaves the system text out. */
  systemDropped?(): void
  /** Notes for the user about how the model is asked. */
  notes?(notes: readonly string[]): void
  /** Number of tokens before the answer, old and new, just before the new ones are read. */
  prompt(tokens: number): void
  /** Progress of reading the new tokens. */
  progress(progress: PromptProgress): void
  /** The last new tokens before the answer, with the routes of all of them. */
  read(tokens: readonly number[], routes: readonly LayerRoutes[]): void
  /** More text of a part of the message; that of a call is the model's notation for it. */
  text(piece: string, part: AnswerPart): void
  /** The newest token, the natural logarithm of its probability, and the part that the text after it belongs to. */
  token(token: number, logprob: number, part: AnswerPart): void
  /** The experts that the newest token woke when it was read. */
  routes(routes: LayerRoutes[]): void
  /** Number of the oldest messages that no longer fit into the model's context. */
  leftOut(messages: number): void
  /** The answer keeps only its first `tokens` tokens: those after them were a stop string. */
  end(tokens: number): void
}

/** A finished answer. */
export interface Answer {
  text: string
  thinking?: string
  /** Calls that are to run now. */
  calls?: readonly ToolCall[]
  finishReason: GenerationResult['finishReason'] | 'interrupted'
  /** Whether it continues an earlier answer. */
  continues: boolean
  /** Whether it was to continue, and nothing came. */
  hadEnded?: true
  /** Whether it ended because the model has no more positions. */
  contextFull?: boolean
  /** Undefined if there are too few tokens to measure. */
  tokensPerSecond?: number
}

/** Collects the tokens and the message of an answer as it comes. */
export class RunningAnswer {
  readonly tokens: number[] = []
  private written = ''
  private shown = ''
  private firstAt = 0
  private lastAt = 0
  private readonly reader: AnswerReader

  /** `before` is text that the model has written already. */
  constructor(
    private readonly watcher: AnswerWatcher,
    readonly reading: Reading,
    private readonly before = '',
  ) {
    this.reader = new AnswerReader(reading)
    if (before !== '') this.reader.add(before)
  }

  /** All text of the model, with its notation for thoughts and calls. */
  get raw(): string {
    return this.before + this.written
  }

  /** Whether the model has added nothing but blanks. */
  get isBlank(): boolean {
    return this.shown.trim() === ''
  }

  /** The message so far; without calls unless it is whole. */
  message(isWhole: boolean): ChatMessage {
    const { role, content, thinking, toolCalls = [] } = this.reader.message
    return {
      role,
      content,
      ...(thinking !== undefined && { thinking }),
      ...(isWhole && toolCalls.length > 0 && { toolCalls }),
    }
  }

  /** Tokens per second as they arrived; undefined if there are too few. */
  get speed(): number | undefined {
    const count = this.tokens.length - 1
    return count > 0 ? (1000 * count) / (this.lastAt - this.firstAt) : undefined
  }

  add({ token, text, logprob, routes }: Step): void {
    this.lastAt = performance.now()
    if (this.tokens.length === 0) this.firstAt = this.lastAt
    this.tokens.push(token)
    this.written += text
    const events = this.reader.add(text)
    this.watcher.token(token, logprob, this.reader.place)
    if (routes) this.watcher.routes(routes)
    this.show(events)
  }

  /** Drops all tokens but the first `count`. */
  keep(count: number): void {
    this.tokens.length = count
    this.watcher.end(count)
  }

  /** Shows text held back at the end. An answer that was cut keeps its last blanks. */
  end(isCut: boolean): void {
    this.show(this.reader.end(isCut))
  }

  private show(events: ReturnType<AnswerReader['add']>): void {
    for (const event of events) {
      if (event.kind === 'called') {
        this.shown += event.call.name
        continue
      }
      this.shown += event.text
      this.watcher.text(event.text, event.kind)
    }
  }
}

/** Number of tokens whose text is part of the generation's text. */
export function tokensOf({ tokens, text }: GenerationResult, tokenizer: Tokenizer): number {
  let rest = Buffer.byteLength(text)
  let count = 0
  while (count < tokens.length && rest > 0) rest -= tokenizer.bytesOf(tokens[count++]).length
  return count
}

/** Tokens per second by the engine's clock. */
export function speedOf({ tokens, decodeMs }: GenerationResult): number | undefined {
  return tokens.length > 1 && decodeMs > 0 ? (1000 * (tokens.length - 1)) / decodeMs : undefined
}
