import { create } from '../elements/elements.js'
import type { Call, Message } from '../requests/api.js'

/** Fields for the results of an answer's calls. The user runs the tools, since the page has none. */
export class ResultsForm {
  readonly element = create('form', 'results')

  /** `give` gets the results as messages, a message per call. */
  constructor(calls: readonly Call[], give: (results: Message[]) => void) {
    const fields = calls.map(({ name }, i) => {
      const place = calls.length > 1 ? ` (call ${i + 1})` : ''
      const [label, field] = [create('label', '', `Result of ${name}${place}`), create('textarea')]
      field.rows = 2
      field.addEventListener('keydown', (event) => {
        if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
        event.preventDefault()
        this.element.requestSubmit()
      })
      label.append(field)
      return { label, field }
    })
    const button = create('button', '', calls.length > 1 ? 'Send results' : 'Send result')
    this.element.append(...fields.map(({ label }) => label), button)
    this.element.addEventListener('submit', (event) => {
      event.preventDefault()
      give(calls.map(({ id }, i) => ({ role: 'tool', tool_call_id: id, content: fields[i].field.value })))
    })
  }
}
