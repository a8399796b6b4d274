import type { PromptProgress } from '../../api/generation.js'
import type { Model } from '../../api/model.js'
import type { LayerRoutes } from '../../api/routes.js'
import type { AnswerPart } from '../../engine/session/answer.js'
import type { Prompt } from '../../engine/session/prompt.js'
import { messageText } from '../../ground/message.js'
import { formatCount, formatElapsed, plural } from '../../ground/numbers.js'
import { harmless } from '../../ground/output/cell-width.js'
import { describeReading } from '../../ground/output/reading.js'
import type { TokenMap } from '../map/token-map.js'
import type { AnswerWatcher } from './answers/running-answer.js'
import type { AnswerToken } from './answers/turn-tokens.js'
import type { AnswersScreen } from './items.js'
import type { Warnings } from './notes.js'
import type { AnswerSettings } from './settings.js'

/** Tokens of a prompt that is read too quickly to show its progress. */
const SHORT = 256

/** The parts of a chat that show a running answer. */
export interface WatchedChat {
  readonly model: Model
  readonly map: TokenMap
  readonly warnings: Warnings
  /** They may change during an answer. */
  readonly settings: AnswerSettings
  readonly screen: AnswersScreen
}

/** Shows a running answer in the chat and on the map of experts. */
export class ChatWatcher implements AnswerWatcher {
  /** Whether the text is shown as written, though it may be Markdown. */
  isLiteral = false
  answer: string
  /** Progress of reading a long prompt, in words, until the answer begins. */
  reading?: string
  tokens: AnswerToken[] = []
  thought = new Thought()
  part: AnswerPart = 'content'

  constructor(
    private readonly chat: WatchedChat,
    /** The part of the answer that was there before. */
    begun: string,
  ) {
    this.answer = harmless(begun)
  }

  /** The next answer of the same exchange begins. */
  next(): void {
    this.answer = ''
    this.tokens = []
    this.thought = new Thought()
    this.part = 'content'
  }

  /** The thoughts are over: a line in the conversation replaces them. */
  fold(): void {
    const { thought } = this
    if (thought.isOver) return
    thought.end()
    if (!thought.isBlank) this.chat.screen.say('thought', thought.folded)
  }

  prompt({ ids, notes, dropsSystem }: Prompt): void {
    const { screen, warnings, model, settings } = this.chat
    if (dropsSystem) this.note(warnings.ofSystem(model))
    for (const note of notes) this.note(warnings.once(model, messageText(note)))
    screen.keep('asked')
    this.note(warnings.ofLength(ids.length, model, settings.generation.context))
  }

  progress(progress: PromptProgress): void {
    this.reading = progress.total > SHORT ? describeReading(progress) : undefined
    this.chat.screen.changed('soon')
  }

  read(tokens: readonly number[], routes: readonly LayerRoutes[]): void {
    const { model, map } = this.chat
    const texts = tokens.map((token) => model.tokenizer.decode([token]))
    map.read(texts, routes)
  }

  text(piece: string, part: AnswerPart = 'content'): void {
    this.reading = undefined
    this.part = part
    if (part === 'thinking') this.thought.add(harmless(piece))
    else this.fold()
    if (part === 'content') this.answer += harmless(piece)
    this.chat.screen.changed('soon')
  }

  token(token: number, logprob: number, part: AnswerPart): void {
    if (part === 'thinking') {
      this.reading = undefined
      this.part = part
      this.thought.token()
    }
    this.tokens.push({ id: token, text: this.chat.model.tokenizer.decode([token]), logprob })
  }

  routes(routes: LayerRoutes[]): void {
    const newest = this.tokens[this.tokens.length - 1]
    newest.routes = routes
    this.chat.map.add(newest.text, routes, newest.logprob)
    this.chat.screen.changed('soon')
  }

  leftOut(messages: number): void {
    this.note(`the model's context is full: ${plural(messages, 'old message')} left out from here on`)
  }

  end(tokens: number): void {
    this.tokens.length = tokens
    this.chat.map.endAnswer(tokens)
  }

  private note(text: string | undefined): void {
    if (text !== undefined) this.chat.screen.say('note', text)
  }
}

export class Thought {
  text = ''
  private count = 0
  private begunAt?: number
  private endedAt?: number

  token(): void {
    this.begunAt ??= performance.now()
    this.count++
  }

  add(text: string): void {
    this.begunAt ??= performance.now()
    this.text += text
  }

  end(): void {
    this.endedAt ??= performance.now()
  }

  /** Whether there is nothing to read: some templates open and close the thoughts at once. */
  get isBlank(): boolean {
    return this.text.trim() === ''
  }

  get isOver(): boolean {
    return this.endedAt !== undefined
  }

  /** A line while they come: `thinking · 212 tokens · 3 s`. */
  get running(): string {
    return `thinking · ${plural(this.count, 'token')} · ${this.time}`
  }

  /** A line that replaces them: `thought 212 tokens, 3 s`. */
  get folded(): string {
    return `thought ${this.count === 1 ? '1 token' : `${formatCount(this.count)} tokens`}, ${this.time}`
  }

  private get time(): string {
    const now = this.endedAt ?? performance.now()
    return formatElapsed((now - (this.begunAt ?? now)) / 1000)
  }
}
