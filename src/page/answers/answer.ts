import { create } from '../elements/elements.js'
import { JsonLayout, laidOut } from '../elements/json-layout.js'
import { MarkdownText } from '../markdown/markdown-text.js'
import { TokenText } from '../markdown/token-text.js'
import type { AnswerPart, Call, CallDelta, Message } from '../requests/api.js'
import type { AnswerPiece } from './answer-parts.js'
import { CallBlocks } from './call-blocks.js'
import { addCall, plainAnswer } from './calls.js'
import { Thoughts } from './thoughts.js'
import { Turn } from './turn.js'

const PARTS: readonly AnswerPart[] = ['thinking', 'content', 'call']

/** The model's message as it comes: thoughts, content and calls. */
export class Answer extends Turn {
  /** Tokens of the prompt and the answer so far, if they are known. */
  contextTokens?: number
  /** The last token's span. */
  newest?: HTMLElement
  readonly calls: Call[] = []
  readonly warnings: string[] = []
  readonly thoughts = new Thoughts()
  readonly blocks = new CallBlocks()

  /** `name` is the model's; `isJson` shows the content in lines. A text that a model continues is no Markdown. */
  constructor(
    readonly name: string,
    readonly isJson: boolean,
    isMarkdown = !isJson,
  ) {
    super('model', name, isMarkdown ? new MarkdownText() : new TokenText(isJson ? new JsonLayout() : undefined))
    this.body.element.classList.toggle('json', isJson)
  }

  /** Whether nothing of the answer has come yet. */
  get isEmpty(): boolean {
    return !this.hasThoughts && !this.isBegun
  }

  /** Whether thoughts have come and nothing else yet. */
  get isThinking(): boolean {
    return this.hasThoughts && !this.isBegun && this.isBusy
  }

  /** The content and the calls as plain text. */
  get text(): string {
    return plainAnswer(this.body.text, this.calls, this.isJson)
  }

  /** Keeps a note on the request, and shows it unless the answer before had it, too. */
  warn(text: string, before?: Answer): void {
    this.warnings.push(text)
    if (before?.warnings.includes(text)) return
    this.body.element.before(create('p', 'warning', text))
  }

  /** Counts tokens of a part, whose text may come later. */
  count(part: AnswerPart, tokens: number): void {
    if (part === 'thinking') this.thoughts.count(tokens)
    if (part === 'call') this.blocks.count(tokens)
  }

  /** Adds a part of a call. */
  call(delta: CallDelta): void {
    addCall(this.calls, delta)
  }

  /** Shows pieces of text, and the calls so far. */
  show(pieces: readonly AnswerPiece[]): void {
    for (const part of PARTS) {
      const own = pieces.filter((piece) => piece.part === part)
      if (own.length > 0) this.textOf(part).show(own)
    }
    const last = pieces.at(-1)
    if (last) this.newest = this.textOf(last.part).newest ?? this.newest
    if (!this.isBusy) this.body.end()
    if (this.hasThoughts && !this.thoughts.element.parentElement) this.body.element.before(this.thoughts.element)
    if (this.calls.length > 0 && !this.blocks.element.parentElement) this.body.element.after(this.blocks.element)
    if (this.hasThoughts) this.thoughts.show(!this.isThinking)
    if (this.calls.length > 0) this.blocks.show(this.calls)
    this.element.classList.toggle('thinking', this.isThinking)
  }

  /** The message for the API. Models want their thoughts back only while they wait for results of calls. */
  message(withThoughts: boolean): Message {
    const whole = this.calls.filter(({ arguments: given }) => laidOut(given) !== undefined)
    const calls = whole.map(({ id, ...call }) => ({ id, type: 'function' as const, function: call }))
    return {
      role: 'assistant',
      content: this.body.text,
      ...(withThoughts && this.hasThoughts && { reasoning_content: this.thoughts.body.text }),
      ...(calls.length > 0 && { tool_calls: calls }),
    }
  }

  private get hasThoughts(): boolean {
    return this.thoughts.body.text !== ''
  }

  /** Whether content or a call has come. */
  private get isBegun(): boolean {
    return this.body.text !== '' || this.calls.length > 0
  }

  private textOf(part: AnswerPart): TokenText {
    if (part === 'content') return this.body
    return part === 'thinking' ? this.thoughts.body : this.blocks.body
  }
}
