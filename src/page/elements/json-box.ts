import { byId } from './elements.js'

/** A field of the settings for JSON, with a line below it for what is wrong. */
export class JsonBox {
  readonly field: HTMLTextAreaElement
  private readonly alert: HTMLParagraphElement

  constructor(id: string) {
    this.field = byId(id, HTMLTextAreaElement)
    this.alert = byId(`${id}-alert`, HTMLParagraphElement)
    this.field.addEventListener('input', () => this.accept())
  }

  /** The value; undefined if the field is empty. Throws WrongSetting if the text is not JSON. */
  read(): unknown {
    const text = this.field.value.trim()
    if (text === '') return undefined
    try {
      return JSON.parse(text)
    } catch (error) {
      throw new WrongSetting(this, `not JSON: ${(error as Error).message}`)
    }
  }

  /** Shows what is wrong, and the field. */
  refuse(why: string): void {
    this.alert.textContent = why
    this.field.setAttribute('aria-invalid', 'true')
    const settings = this.field.closest('details')
    if (settings) settings.open = true
    this.field.focus()
    this.field.parentElement?.scrollIntoView({ block: 'nearest' })
  }

  private accept(): void {
    this.alert.textContent = ''
    this.field.removeAttribute('aria-invalid')
  }
}

/** A setting that is wrong, before anything is sent. */
export class WrongSetting extends Error {
  constructor(
    readonly box: JsonBox,
    message: string,
  ) {
    super(message)
  }
}
