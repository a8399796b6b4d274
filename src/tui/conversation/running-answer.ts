import type { GenerationResult, PromptProgress, Step } from '../../api/generation.js'
import type { LayerRoutes } from '../../api/routes.js'
import type { Tokenizer } from '../../api/text.js'
import { AnswerText } from '../../text/answer-text.js'

/** Follows an answer as it comes. */
export interface AnswerWatcher {
  /** The chat template leaves the system text out. */
  systemDropped?(): void
  /** Number of tokens before the answer, old and new, just before the new ones are read. */
  prompt(tokens: number): void
  /** Progress of reading the new tokens. */
  progress(progress: PromptProgress): void
  /** The last new tokens before the answer, with the routes of all of them. */
  read(tokens: readonly number[], routes: readonly LayerRoutes[]): void
  /** Resolves when the next token may come. */
  pause?(): Promise<void>
  /** More text of the answer. */
  text(piece: string): void
  /** The newest token of the answer, and the natural logarithm of its probability. */
  token(token: number, logprob: number): void
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

/** Collects the tokens and the visible text of an answer as it comes. */
export class RunningAnswer {
  text = ''
  readonly tokens: number[] = []
  private firstAt = 0
  private lastAt = 0
  private readonly shown: AnswerText

  constructor(
    readonly watcher: AnswerWatcher,
    isAnswer = true,
  ) {
    this.shown = new AnswerText({ isAnswer, isTurn: false })
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
    this.watcher.token(token, logprob)
    if (routes) this.watcher.routes(routes)
    this.show(this.shown.add(text))
  }

  /** Drops all tokens but the first `count`. */
  keep(count: number): void {
    this.tokens.length = count
    this.watcher.end(count)
  }

  /** Shows the blanks held back at the end. */
  end(): void {
    this.show(this.shown.end(true))
  }

  private show(visible: string): void {
    this.text += visible
    if (visible !== '') this.watcher.text(visible)
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
