import { create } from '../elements/elements.js'
import type { JsonLayout } from '../elements/json-layout.js'
import type { TextPiece } from '../requests/pieces.js'

/** A text with a span per token. */
export class TokenText {
  readonly element = create('div', 'tokens')
  /** All text so far. */
  text = ''
  /** The last token's span. */
  newest?: HTMLElement

  /** `layout` lays out answers in JSON. */
  constructor(private readonly layout?: JsonLayout) {}

  /** Adds text without a known token. */
  write(text: string): void {
    this.text += text
    this.element.append(this.shown(text))
  }

  /** Adds pieces of text; `token` is the number of a token's experts, or -1 if they are unknown. */
  show(pieces: readonly TextPiece[]): void {
    for (const piece of pieces) this.add(piece)
  }

  /** Ends the text: nothing comes any more. */
  end(): void {}

  /** Shows the same text, divided into tokens. */
  replace(pieces: readonly TextPiece[]): void {
    this.element.replaceChildren()
    this.text = ''
    this.newest = undefined
    this.show(pieces)
  }

  private add({ text, token }: TextPiece): void {
    if (token < 0) return this.write(text)
    this.text += text
    const span = create('span', '', this.shown(text))
    span.dataset.i = String(token)
    // All tokens are one Tab stop; the arrow keys move within.
    span.tabIndex = this.newest ? -1 : 0
    this.element.append(span)
    this.newest = span
  }

  private shown(text: string): string {
    return this.layout?.add(text) ?? text
  }
}
