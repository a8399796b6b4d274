import { setTimeout as wait } from 'node:timers/promises'
import type { PromptProgress } from '../../api/generation.js'
import type { Model } from '../../api/model.js'
import type { LayerRoutes } from '../../api/routes.js'
import { plural } from '../../numbers.js'
import { harmless } from '../../terminal/cell-width.js'
import { describeReading } from '../../terminal/reading.js'
import type { TokenMap } from '../map/token-map.js'
import type { AnswerToken } from './answer-tokens.js'
import type { Warnings } from './notes.js'
import type { AnswerWatcher } from './running-answer.js'

/** Tokens of a prompt that is read too quickly to show its progress. */
const SHORT = 256

/** The parts of a chat that show a running answer. */
export interface WatchedChat {
  readonly model: Model
  readonly map: TokenMap
  readonly warnings: Warnings
  /** Limit of the tokens that count, if one is set. */
  readonly context?: number
  /** Maximum tokens per second; may change during an answer. */
  readonly pace?: number
  say(kind: 'note', text: string): void
  changed(when: 'soon'): void
}

/** Shows a running answer in the chat and on the map of experts. */
export class ChatWatcher implements AnswerWatcher {
  private shown: string
  private progressText?: string
  /** Tokens of the answer. */
  readonly tokens: AnswerToken[] = []
  /** The time before which the next token is not to come, by `performance.now()`. */
  private due = 0

  constructor(
    private readonly chat: WatchedChat,
    /** The part of the answer that was there before. */
    begun: string,
    private readonly signal: AbortSignal,
  ) {
    this.shown = harmless(begun)
  }

  /** The answer so far. */
  get answer(): string {
    return this.shown
  }

  /** Progress of reading a long prompt, in words, until the answer begins. */
  get reading(): string | undefined {
    return this.progressText
  }

  systemDropped(): void {
    this.note(this.chat.warnings.ofSystem(this.chat.model))
  }

  prompt(tokens: number): void {
    const { warnings, model, context } = this.chat
    this.note(warnings.ofLength(tokens, model, context))
  }

  progress(progress: PromptProgress): void {
    this.progressText = progress.total > SHORT ? describeReading(progress) : undefined
    this.chat.changed('soon')
  }

  read(tokens: readonly number[], routes: readonly LayerRoutes[]): void {
    const { model, map } = this.chat
    const texts = tokens.map((token) => model.tokenizer.decode([token]))
    map.read(texts, routes)
  }

  /** Waits until the pace allows the next token; an abort ends the wait. */
  async pause(): Promise<void> {
    const { pace } = this.chat
    if (pace === undefined) return
    const now = performance.now()
    this.due = Math.max(now, this.due + 1000 / pace)
    this.chat.changed('soon')
    if (this.due > now) await wait(this.due - now, undefined, { signal: this.signal }).catch(() => undefined)
  }

  text(piece: string): void {
    this.progressText = undefined
    this.shown += harmless(piece)
    this.chat.changed('soon')
  }

  token(token: number, logprob: number): void {
    this.tokens.push({ id: token, text: this.chat.model.tokenizer.decode([token]), logprob })
  }

  routes(routes: LayerRoutes[]): void {
    const newest = this.tokens[this.tokens.length - 1]
    newest.routes = routes
    this.chat.map.add(newest.text, routes)
    this.chat.changed('soon')
  }

  leftOut(messages: number): void {
    this.note(`the model's context is full: ${plural(messages, 'old message')} left out from here on`)
  }

  end(tokens: number): void {
    this.tokens.length = tokens
    this.chat.map.endAnswer(tokens)
  }

  private note(text: string | undefined): void {
    if (text !== undefined) this.chat.say('note', text)
  }
}
