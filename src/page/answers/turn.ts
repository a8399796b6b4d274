import { create } from '../elements/elements.js'
import { TokenText } from '../markdown/token-text.js'

/** A message: a heading, its text with a span per token, a note, and buttons. */
export class Turn {
  readonly element: HTMLElement
  readonly body: TokenText
  /** Place for buttons: beside the heading of a question, below an answer. */
  readonly acts = create('div', 'acts')
  private readonly foot = create('p', 'note')

  constructor(role: 'user' | 'model' | 'tool', name: string, body = new TokenText()) {
    this.body = body
    this.element = create('article', `turn ${role}`)
    const heading = create('h2', '', name)
    if (role === 'model') this.element.append(heading, body.element, this.foot, this.acts)
    else {
      const top = create('div', 'top')
      top.append(heading, this.acts)
      this.element.append(top, body.element, this.foot)
    }
  }

  get noted(): string {
    return this.foot.textContent
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
