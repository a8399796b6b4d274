import { copyButton } from '../elements/clipboard.js'
import { EditForm } from '../elements/edit-form.js'
import { create } from '../elements/elements.js'
import type { Asked, Call, Message } from '../requests/api.js'
import type { Answer } from './answer.js'
import { keptAnswer, shownAnswer } from './kept-answer.js'
import type { KeptExchange } from './kept-form.js'
import { ResultsForm } from './results-form.js'
import { Turn } from './turn.js'

/** Actions of the user on an exchange. */
export interface ExchangeActions {
  /** Asks another question in its place. */
  edit(exchange: Exchange, text: string): void
  /** Answers it again. */
  regenerate(exchange: Exchange): void
  /** Continues its answer, which was cut. */
  resume(exchange: Exchange): void
  /** Shows another branch: the one before or after in the order they were added. */
  choose(exchange: Exchange, step: -1 | 1): void
  /** Asks with the results of its answer's calls. */
  give(results: Message[]): void
}

/** State of an exchange within the conversation. */
export interface ExchangeState {
  /** Name of the model that would answer. */
  model: string
  isLast: boolean
  isRunning: boolean
  /** Number among the exchanges that begin a branch at the same place, from 1 on, and how many there are. */
  branch: number
  branches: number
}

/** A question, or the results of calls, and the answer, as they are shown. */
export class Exchange {
  /** A turn per message. */
  readonly turns: readonly Turn[]
  /** The request, if it was sent from this page. */
  asked?: Asked
  /** Whether the answer came to its end, and whether that was the limit of tokens. */
  end: 'whole' | 'limit' | 'cut' = 'cut'
  /** The same question answered without an expert. */
  readonly comparisons: HTMLElement[] = []
  private results?: ResultsForm
  private form?: EditForm
  private readonly edit?: HTMLButtonElement
  private readonly copy: HTMLButtonElement
  private readonly regenerate = act('Regenerate', 'Regenerate the answer')
  private readonly resume = act('Continue', 'Continue the answer')
  private readonly pager = create('span', 'pager')
  private readonly number = create('span')
  private readonly steps = [act('‹', 'Earlier version'), act('›', 'Later version')]

  /** `said` may have results of `calls`. */
  constructor(
    readonly said: readonly Message[],
    readonly answer: Answer,
    calls: readonly Call[],
    private readonly actions: ExchangeActions,
  ) {
    this.turns = said.map((message) => turnOf(message, calls))
    this.copy = copyButton('Copy the answer', () => answer.text)
    this.regenerate.addEventListener('click', () => actions.regenerate(this))
    this.resume.addEventListener('click', () => actions.resume(this))
    for (const [i, button] of this.steps.entries()) {
      button.addEventListener('click', () => actions.choose(this, i === 0 ? -1 : 1))
    }
    this.pager.append(this.steps[0], this.number, this.steps[1])
    answer.acts.append(this.copy, this.regenerate, this.resume, this.pager)
    if (said.length !== 1 || said[0].role !== 'user') return
    this.edit = act('Edit', 'Edit the question')
    this.edit.addEventListener('click', () => {
      this.openForm()
      this.form?.focus()
    })
    const [{ acts, body }] = this.turns
    acts.append(
      this.edit,
      copyButton('Copy the question', () => body.text),
    )
  }

  /** Shows an exchange that was kept. */
  static from({ said, answer }: KeptExchange, before: Answer | undefined, actions: ExchangeActions): Exchange {
    const exchange = new Exchange(said, shownAnswer(answer, before), before?.calls ?? [], actions)
    exchange.end = answer.end
    return exchange
  }

  /** Everything that is shown of it, in order. */
  get elements(): HTMLElement[] {
    return [...this.turns.map(({ element }) => element), this.answer.element, ...this.comparisons]
  }

  get isQuestion(): boolean {
    return this.said[0]?.role !== 'tool'
  }

  get isEditing(): boolean {
    return this.form !== undefined
  }

  /** The text of the question as the user has changed it so far. */
  get draft(): string | undefined {
    return this.form?.text
  }

  /** The messages for the API. An answer that was cut before it began is none. */
  messages(withThoughts: boolean): Message[] {
    return this.answer.isEmpty ? [...this.said] : [...this.said, this.answer.message(withThoughts)]
  }

  kept(parent: number): KeptExchange {
    return { parent, said: [...this.said], answer: keptAnswer(this.answer, this.end) }
  }

  /** Brings the buttons and the fields for results up to date. */
  show({ model, isLast, isRunning, branch, branches }: ExchangeState): void {
    const { answer } = this
    this.copy.hidden = answer.isEmpty || answer.isBusy
    this.regenerate.hidden = !isLast || isRunning
    // Another model would continue it under the name of this one.
    const isContinued =
      this.end !== 'whole' && answer.name === model && answer.body.text !== '' && answer.calls.length === 0
    this.resume.hidden = !isLast || isRunning || !isContinued
    this.pager.hidden = branches === 1
    this.number.textContent = `${branch} of ${branches}`
    for (const [i, button] of this.steps.entries()) {
      button.disabled = isRunning || (i === 0 ? branch === 1 : branch === branches)
    }
    if (this.edit) this.edit.disabled = isRunning
    if (isLast && this.end !== 'cut' && answer.calls.length > 0 && !this.results) {
      this.results = new ResultsForm(answer.calls, (results) => this.actions.give(results))
      answer.element.append(this.results.element)
    }
    if (this.results) this.results.element.hidden = !isLast
  }

  /** Focuses the button that leads to the version after (1) or before (-1), or the other one at the end. */
  focusPager(step: -1 | 1): void {
    const [earlier, later] = this.steps
    const wanted = step < 0 ? earlier : later
    const other = step < 0 ? later : earlier
    const button = wanted.disabled ? other : wanted
    button.focus()
  }

  /** Opens the field to change the question. */
  openForm(text = this.said[0].content): void {
    if (this.form) return
    const [{ body, element }] = this.turns
    const send = (text: string) => {
      this.closeForm()
      this.actions.edit(this, text)
    }
    this.form = new EditForm(text, send, () => {
      this.closeForm()
      this.edit?.focus()
    })
    element.classList.add('editing')
    body.element.after(this.form.element)
  }

  private closeForm(): void {
    this.form?.element.remove()
    this.form = undefined
    this.turns[0].element.classList.remove('editing')
  }
}

/** A small button below or beside a message. */
function act(text: string, name: string): HTMLButtonElement {
  const button = create('button', 'act', text)
  button.type = 'button'
  button.setAttribute('aria-label', name)
  if (text.length === 1) button.title = name
  return button
}

/** A turn with the text of a message, which may be the result of one of `calls`. */
function turnOf({ role, content, tool_call_id }: Message, calls: readonly Call[]): Turn {
  const call = calls.find(({ id }) => id === tool_call_id)
  const turn =
    role === 'tool'
      ? new Turn('tool', `Result of ${call?.name ?? 'a call'}`)
      : new Turn('user', role === 'user' ? 'You' : 'System')
  turn.body.write(content)
  return turn
}
