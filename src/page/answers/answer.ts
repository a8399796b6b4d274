import { formatElapsed, plural } from '../../ground/numbers.js'
import { JsonLayout } from '../elements/json-layout.js'
import { MarkdownText } from '../markdown/markdown-text.js'
import { TokenText } from '../markdown/token-text.js'
import type { AnswerPart, Call } from '../requests/api.js'
import type { AnswerPiece } from './answer-parts.js'
import { plainAnswer } from './calls.js'
import type { KeptAnswer } from './kept-form.js'

const PARTS: readonly AnswerPart[] = ['thinking', 'content', 'call']
/** Line below an answer that the end of the page has cut. */
const CUT = 'cut: the page was left before the end'

/** The model's message as it comes: thoughts, content and calls. Its texts grow in elements of their own. */
export class Answer implements Omit<KeptAnswer, 'content' | 'thinking' | 'notation'> {
  readonly body: TokenText
  readonly thoughts = new TokenText()
  /** The calls as the model wrote them. */
  readonly notation = new TokenText()
  readonly calls: Call[] = []
  readonly warnings: string[] = []
  thought = { tokens: 0, seconds: 0 }
  notationTokens = 0
  note = ''
  end: KeptAnswer['end'] = 'cut'
  isBusy = false
  /** Whether its texts are all that is known, since it is of an earlier visit or the model has changed. */
  hasTextsOnly = false
  /** Tokens of the prompt and the answer so far, if they are known. */
  contextTokens?: number
  /** The last token's span. */
  newest?: HTMLElement
  private thinkingSince = 0

  /** `isJson` shows the content in lines. A text that a model continues is no Markdown. */
  constructor(
    readonly model: string,
    readonly isJson: boolean,
    isMarkdown = !isJson,
  ) {
    this.body = isMarkdown ? new MarkdownText() : new TokenText(isJson ? new JsonLayout() : undefined)
    this.body.element.classList.toggle('json', isJson)
  }

  /** An answer that was kept. Its tokens are not known any more. */
  static from({ model, isJson, content, thinking, notation, ...kept }: KeptAnswer): Answer {
    const answer = Object.assign(new Answer(model, isJson), structuredClone(kept))
    answer.notationTokens = notation.tokens
    answer.hasTextsOnly = true
    const texts = { thinking, content, call: notation.text }
    for (const part of PARTS) if (texts[part] !== '') answer.textOf(part).show([{ text: texts[part], token: -1 }])
    answer.body.end()
    return answer
  }

  get kept(): KeptAnswer {
    const { model, isJson, body, thoughts, notation, notationTokens, isBusy, note, end } = this
    return {
      model,
      isJson,
      end,
      content: body.text,
      thinking: thoughts.text,
      note: isBusy ? CUT : note,
      notation: { text: notation.text, tokens: notationTokens },
      ...structuredClone({ thought: this.thought, calls: this.calls, warnings: this.warnings }),
    }
  }

  /** Whether nothing of the answer has come yet. */
  get isEmpty(): boolean {
    return !this.hasThoughts && !this.isBegun
  }

  get hasThoughts(): boolean {
    return this.thoughts.text !== ''
  }

  /** Whether thoughts have come and nothing else yet. */
  get isThinking(): boolean {
    return this.hasThoughts && !this.isBegun && this.isBusy
  }

  /** The content and the calls as plain text. */
  get text(): string {
    return plainAnswer(this.body.text, this.calls, this.isJson)
  }

  /** The line of the thoughts: `thinking · 212 tokens`, at the end `thought 212 tokens, 3 s`. */
  get thoughtsLine(): string {
    const { tokens, seconds } = this.thought
    const count = tokens > 0 ? plural(tokens, 'token') : 'some time'
    if (this.isThinking) return `thinking · ${count}`
    // Thoughts of an imported file have no count.
    return tokens === 0 && seconds === 0 ? 'thoughts' : `thought ${count}, ${formatElapsed(seconds)}`
  }

  /** Counts tokens of a part, whose text may come later. */
  count(part: AnswerPart, tokens: number): void {
    if (part === 'call') this.notationTokens += tokens
    if (part !== 'thinking') return
    const now = performance.now()
    if (this.thought.tokens === 0) this.thinkingSince = now
    this.thought = { tokens: this.thought.tokens + tokens, seconds: (now - this.thinkingSince) / 1000 }
  }

  show(pieces: readonly AnswerPiece[]): void {
    for (const part of PARTS) {
      const own = pieces.filter((piece) => piece.part === part)
      if (own.length > 0) this.textOf(part).show(own)
    }
    const last = pieces.at(-1)
    if (last) this.newest = this.textOf(last.part).newest ?? this.newest
    if (!this.isBusy) this.body.end()
  }

  /** Whether content or a call has come. */
  private get isBegun(): boolean {
    return this.body.text !== '' || this.calls.length > 0
  }

  private textOf(part: AnswerPart): TokenText {
    if (part === 'content') return this.body
    return part === 'thinking' ? this.thoughts : this.notation
  }
}
