import { formatElapsed, plural } from '../../ground/numbers.js'
import { byId, create } from '../elements/elements.js'
import { TokenText } from '../markdown/token-text.js'

/** The thoughts before an answer, folded to a line. A click or a key opens them. */
export class Thoughts {
  readonly element = create('details', 'thoughts')
  readonly body = new TokenText()
  private readonly line = create('summary')
  private readonly status = byId('spoken', HTMLParagraphElement)
  private tokens = 0
  private firstAt = 0
  private lastAt = 0

  constructor() {
    this.element.append(this.line, this.body.element)
    // Screen readers announce that the model thinks, and read the thoughts only on request.
    this.element.setAttribute('aria-live', 'off')
    this.status.textContent = ''
  }

  /** Counts tokens that have come. */
  count(tokens: number): void {
    this.lastAt = performance.now()
    if (this.tokens === 0) this.firstAt = this.lastAt
    this.tokens += tokens
  }

  get counted(): { tokens: number; seconds: number } {
    return { tokens: this.tokens, seconds: (this.lastAt - this.firstAt) / 1000 }
  }

  /** Takes the count of thoughts that were kept. */
  restore({ tokens, seconds }: { tokens: number; seconds: number }): void {
    this.tokens = tokens
    this.firstAt = 0
    this.lastAt = 1000 * seconds
  }

  /** Brings the line up to date: `thinking · 212 tokens`, at the end `thought 212 tokens, 3 s`. */
  show(isOver: boolean): void {
    const tokens = this.tokens > 0 ? plural(this.tokens, 'token') : 'some time'
    const took = formatElapsed((this.lastAt - this.firstAt) / 1000)
    // Thoughts of an imported file have no count.
    const over = this.tokens === 0 && this.lastAt === 0 ? 'thoughts' : `thought ${tokens}, ${took}`
    this.line.textContent = isOver ? over : `thinking · ${tokens}`
    const spoken = isOver ? `The model ${this.line.textContent}.` : 'The model is thinking.'
    if (this.status.textContent !== spoken) this.status.textContent = spoken
  }
}
