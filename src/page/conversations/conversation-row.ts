import { plural } from '../../ground/numbers.js'
import { type KeptHead, titleOf } from '../answers/kept-form.js'
import { create } from '../elements/elements.js'

/** Actions of the user on a conversation of the list. */
export interface RowActions {
  open(): void
  rename(name: string): void
  save(ending: 'md' | 'json'): void
  delete(): void
}

/** A conversation of the list: its title, which opens it, and a button for further actions. */
export class ConversationRow {
  readonly element = create('li', 'row')
  private readonly title = create('button', 'title')
  private readonly more = create('button', 'more', '⋯')
  private readonly menu = create('div', 'menu')
  private form?: HTMLFormElement

  constructor(
    private readonly head: KeptHead,
    isOpen: boolean,
    private readonly actions: RowActions,
  ) {
    const { title, more, menu } = this
    const name = titleOf(head)
    title.append(create('span', 'name', name), create('span', 'note', detailsOf(head)))
    if (isOpen) title.setAttribute('aria-current', 'true')
    title.addEventListener('click', () => actions.open())
    more.setAttribute('aria-label', `Actions for ${name}`)
    more.addEventListener('click', () => this.toggle())
    menu.hidden = true
    menu.append(
      this.item('Rename', () => this.openForm()),
      this.item('Save as .md', () => actions.save('md')),
      this.item('Save as .json', () => actions.save('json')),
      this.item('Delete', () => actions.delete()),
    )
    for (const button of [title, more]) button.type = 'button'
    this.toggle(false)
    this.element.append(title, more, menu)
    this.element.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape' || (menu.hidden && !this.form)) return
      // Escape closes the list only if nothing in it is open.
      event.preventDefault()
      event.stopPropagation()
      if (this.form) this.closeForm()
      else this.toggle(false)
      more.focus()
    })
  }

  get id(): string {
    return this.head.id
  }

  /** Whether the user is at work on it, so that it should stay as it is. */
  get isBusy(): boolean {
    return this.form !== undefined || !this.menu.hidden
  }

  focus(): void {
    this.title.focus()
  }

  private toggle(isShown = this.menu.hidden): void {
    this.menu.hidden = !isShown
    this.more.setAttribute('aria-expanded', String(isShown))
  }

  private item(text: string, act: () => void): HTMLButtonElement {
    const button = create('button', 'act', text)
    button.type = 'button'
    button.addEventListener('click', act)
    return button
  }

  /** Opens the field for another name, in the place of the title. */
  private openForm(): void {
    this.toggle(false)
    const form = create('form', 'rename')
    const field = create('input')
    field.value = titleOf(this.head)
    field.maxLength = 200
    field.setAttribute('aria-label', 'Name of the conversation')
    form.append(field, create('button', '', 'Save'))
    form.addEventListener('submit', (event) => {
      event.preventDefault()
      this.closeForm()
      this.actions.rename(field.value.trim())
    })
    this.form = form
    this.title.hidden = true
    this.more.hidden = true
    this.element.prepend(form)
    field.select()
    field.focus()
  }

  private closeForm(): void {
    this.form?.remove()
    this.form = undefined
    this.title.hidden = false
    this.more.hidden = false
  }
}

/** The model, the number of questions and the time of the latest change. */
function detailsOf({ model, questions, changed, version }: KeptHead): string {
  const when = version === 0 ? 'not kept' : timeInWords(new Date(changed))
  return [model, plural(questions, 'question'), when].filter((part) => part !== '').join(' · ')
}

/** The time of today, or the day. */
function timeInWords(time: Date): string {
  const now = new Date()
  if (time.toDateString() === now.toDateString()) {
    return time.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' })
  }
  const year = time.getFullYear() === now.getFullYear() ? undefined : 'numeric'
  return time.toLocaleDateString('en-GB', { day: 'numeric', month: 'short', year })
}
