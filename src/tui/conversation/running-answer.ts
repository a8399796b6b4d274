import type { GenerationResult, PromptProgress, Step } from '../../api/generation.js'
import type { LayerRoutes } from '../../api/routes.js'
import type { Tokenizer } from '../../api/text.js'
import { AnswerText } from '../../text/answer-text.js'

/** Told of an answer while it comes. */
export interface AnswerWatcher {
  /** The chat template leaves the system text out. */
  systemDropped?(): void
  /** The tokens up to the answer, old and new, before the new ones are read. */
  prompt(tokens: number): void
  /** How far what is new has been read. */
  progress(progress: PromptProgress): void
  /** The last tokens before the answer, with the routes of them all, as far as they are new. */
  read(tokens: readonly number[], routes: readonly LayerRoutes[]): void
  /** Resolves when the answer may go on to its next token. */
  pause?(): Promise<void>
  /** Text to add to what has come. */
  text(piece: string): void
  /** The newest token of the answer. */
  token(token: number): void
  /** The experts that the newest token woke when it was read. */
  routes(routes: LayerRoutes[]): void
  /** The oldest messages of the conversation, so many of them, do not fit into the model's context any more. */
  leftOut(messages: number): void
  /** The answer has only its first `tokens` tokens: those after them were a stop string. */
  end(tokens: number): void
}

/** A finished answer. */
export interface Answer {
  text: string
  finishReason: GenerationResult['finishReason'] | 'interrupted'
  /** True if nothing came of continuing it. */
  hadEnded?: true
  /** True where it ended because the model has no more positions. */
  contextFull?: boolean
  /** Undefined where there are too few tokens to tell. */
  tokensPerSecond?: number
}

/** An answer as it comes. */
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

  /** As the reader sees it; undefined where there are too few tokens. */
  get speed(): number | undefined {
    const count = this.tokens.length - 1
    return count > 0 ? (1000 * count) / (this.lastAt - this.firstAt) : undefined
  }

  add({ token, text, routes }: Step): void {
    this.lastAt = performance.now()
    if (this.tokens.length === 0) this.firstAt = this.lastAt
    this.tokens.push(token)
    this.watcher.token(token)
    if (routes) this.watcher.routes(routes)
    this.tell(this.shown.add(text))
  }

  /** Drops the tokens from number `count` on. */
  keep(count: number): void {
    this.tokens.length = count
    this.watcher.end(count)
  }

  /** Shows the blanks held back at the end. */
  end(): void {
    this.tell(this.shown.end(true))
  }

  private tell(visible: string): void {
    this.text += visible
    if (visible !== '') this.watcher.text(visible)
  }
}

/** Tokens of a generation that have a part in its text. */
export function tokensOf({ tokens, text }: GenerationResult, tokenizer: Tokenizer): number {
  let rest = Buffer.byteLength(text)
  let count = 0
  while (count < tokens.length && rest > 0) rest -= tokenizer.bytesOf(tokens[count++]).length
  return count
}

/** Tokens a second by the engine's clock. */
export function speedOf({ tokens, decodeMs }: GenerationResult): number | undefined {
  return tokens.length > 1 && decodeMs > 0 ? (1000 * (tokens.length - 1)) / decodeMs : undefined
}
