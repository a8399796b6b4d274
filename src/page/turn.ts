import { create } from './elements.js'
import { TokenText } from './token-text.js'

/** A message: a heading, its text with a span per token, and a note. */
export class Turn {
  readonly element: HTMLElement
  readonly body: TokenText
  private readonly foot = create('p', 'note')

  constructor(role: 'user' | 'model' | 'tool', name: string, body = new TokenText()) {
    this.body = body
    this.element = create('article', `turn ${role}`)
    this.element.append(create('h2', '', name), body.element, this.foot)
  }

  note(text: string): void {
    this.foot.textContent = text
  }

  /** Whether the message is still being written. */
  get isBusy(): boolean {
    return this.element.getAttribute('aria-busy') === 'true'
  }

  set isBusy(busy: boolean) {
    this.element.setAttribute('aria-busy', String(busy))
  }
}
