import { plural } from '../../ground/numbers.js'
import { create } from '../elements/elements.js'
import { laidOut } from '../elements/json-layout.js'
import { TokenText } from '../markdown/token-text.js'
import type { Call } from '../requests/api.js'

/** The calls of an answer: the name and arguments of each, and the model's own notation, folded. */
export class CallBlocks {
  readonly element = create('div', 'calls')
  /** The tokens of the notation. */
  readonly body = new TokenText()
  private readonly blocks: { name: HTMLElement; given: HTMLElement; shown: string }[] = []
  private readonly notation = create('details', 'notation')
  private readonly line = create('summary')
  private tokens = 0

  constructor() {
    this.notation.hidden = true
    this.notation.setAttribute('aria-live', 'off')
    this.notation.append(this.line, this.body.element)
    this.element.append(this.notation)
  }

  /** Counts tokens that have come. */
  count(tokens: number): void {
    this.tokens += tokens
  }

  get counted(): number {
    return this.tokens
  }

  /** Brings the blocks up to date. */
  show(calls: readonly Call[]): void {
    for (const [i, call] of calls.entries()) {
      this.blocks[i] ??= this.block()
      const { name, given, shown } = this.blocks[i]
      name.textContent = call.name
      if (shown === call.arguments) continue
      given.textContent = laidOut(call.arguments) ?? call.arguments
      this.blocks[i].shown = call.arguments
    }
    this.notation.hidden = this.body.text === ''
    this.line.textContent = `as the model wrote it, ${plural(this.tokens, 'token')}`
  }

  private block() {
    const [heading, name, given] = [create('h3', '', 'calls '), create('code'), create('pre')]
    heading.append(name)
    // It scrolls, so the keyboard must reach it.
    given.tabIndex = 0
    const element = create('section', 'call')
    element.append(heading, given)
    this.notation.before(element)
    return { name, given, shown: '' }
  }
}
