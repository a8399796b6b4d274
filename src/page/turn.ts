import { create } from './elements.js'
import type { Piece } from './pieces.js'

/** A question or an answer: a heading, its text with a span per token, and a note. */
export class Turn {
  readonly element: HTMLElement
  /** All text so far. */
  text = ''
  /** The last piece. */
  newest?: HTMLElement
  private readonly body = create('div', 'tokens')
  private readonly foot = create('p', 'note')

  constructor(role: 'user' | 'model', name: string) {
    this.element = create('article', `turn ${role}`)
    this.element.append(create('h2', '', name), this.body, this.foot)
  }

  /** Adds text without a known token. */
  write(text: string): void {
    this.text += text
    this.body.append(text)
  }

  /** Adds a token's piece of text; `token` is the number of its experts, or -1 if they are unknown. */
  add({ text, token }: Piece): void {
    if (token < 0) return this.write(text)
    this.text += text
    const span = create('span', '', text)
    span.dataset.i = String(token)
    // All tokens are one Tab stop; the arrow keys move within.
    span.tabIndex = this.newest ? -1 : 0
    this.body.append(span)
    this.newest = span
  }

  /** Shows the same text, divided into tokens. */
  replace(pieces: readonly Piece[]): void {
    this.body.replaceChildren()
    this.text = ''
    this.newest = undefined
    for (const piece of pieces) this.add(piece)
  }

  note(text: string): void {
    this.foot.textContent = text
  }

  set isBusy(busy: boolean) {
    this.element.setAttribute('aria-busy', String(busy))
  }
}
