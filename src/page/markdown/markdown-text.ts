import { GrowingMarkdown } from '../../chat/markdown/growing-markdown.js'
import { DomPatch } from '../elements/dom-patch.js'
import type { TextPiece } from '../requests/pieces.js'
import { drawMarkdown } from './markdown-blocks.js'
import { TextCursor } from './text-cursor.js'
import { TokenText } from './token-text.js'

/** A text in Markdown with a span per token, or several if the token belongs to several elements. */
export class MarkdownText extends TokenText {
  private starts: number[] = []
  private tokens: number[] = []
  private markdown = new GrowingMarkdown()
  private readonly patch = new DomPatch(this.element)
  /** The element that the caret is at the end of. */
  private caret: HTMLElement = this.element

  constructor() {
    super()
    this.element.classList.add('markdown', 'caret')
  }

  override write(text: string): void {
    this.show([{ text, token: -1 }])
  }

  override show(pieces: readonly TextPiece[]): void {
    for (const { text, token } of pieces) {
      if (text === '') continue
      this.starts.push(this.text.length)
      this.tokens.push(token)
      this.text += text
    }
    this.draw(false)
  }

  override replace(pieces: readonly TextPiece[]): void {
    this.starts = []
    this.tokens = []
    this.text = ''
    this.markdown = new GrowingMarkdown()
    this.show(pieces)
  }

  override end(): void {
    this.draw(true)
  }

  private draw(isComplete: boolean): void {
    const { text, starts, tokens, element } = this
    const tree = this.markdown.parse(text, isComplete)
    this.patch.begin()
    drawMarkdown(tree, new TextCursor(this.patch, { text, starts, tokens }))
    this.patch.end()
    const { token, around = element } = this.patch.last()
    this.newest = token
    if (around !== this.caret) {
      this.caret.classList.remove('caret')
      around.classList.add('caret')
      this.caret = around
    }
    // All tokens are one Tab stop; the arrow keys move within.
    if (!element.querySelector('[data-i][tabindex="0"]:not(.markup)')) {
      element.querySelector('[data-i]:not(.markup)')?.setAttribute('tabindex', '0')
    }
  }
}
