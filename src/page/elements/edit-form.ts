import { create } from './elements.js'

/** A field to change a question in its place. Enter sends it, Escape leaves the question unchanged. */
export class EditForm {
  readonly element = create('form', 'edit')
  private readonly field = create('textarea')

  /** `send` gets the new text, `close` is called when the user cancels. */
  constructor(text: string, send: (text: string) => void, close: () => void) {
    this.field.value = text
    this.field.setAttribute('aria-label', 'your question')
    const [ask, cancel] = [create('button', '', 'Send'), create('button', 'quiet', 'Cancel')]
    cancel.type = 'button'
    cancel.addEventListener('click', close)
    const buttons = create('div', 'buttons')
    buttons.append(ask, cancel)
    this.element.append(this.field, buttons)
    this.element.addEventListener('submit', (event) => {
      event.preventDefault()
      if (this.field.value.trim() !== '') send(this.field.value)
    })
    this.field.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') close()
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
      event.preventDefault()
      this.element.requestSubmit()
    })
  }

  get text(): string {
    return this.field.value
  }

  focus(): void {
    this.field.focus()
    this.field.setSelectionRange(this.field.value.length, this.field.value.length)
  }
}
