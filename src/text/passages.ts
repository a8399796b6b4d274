import type { ResponseField } from '../api/response.js'
import { type AnswerEnds, AnswerText } from './answer-text.js'

/** Between two passages. */
const BREAK = '\n\n'

/** The visible text of several passages, such as the regions of thoughts, as one text. */
export class Passages {
  text = ''
  private visible: AnswerText
  /** Text before the first visible character of the passage. */
  private join = ''

  constructor(private readonly ends: AnswerEnds) {
    this.visible = new AnswerText(ends)
  }

  /** Starts over behind a text that is there already. `isAnswer`: blanks at the beginning are left out. */
  restart(begun: string, isAnswer: boolean): void {
    this.text = begun
    this.join = ''
    this.visible = new AnswerText({ ...this.ends, isAnswer })
  }

  /** Begins another passage. */
  begin({ join = BREAK, contentArgs }: ResponseField): void {
    const isStripped = contentArgs?.strip !== false
    this.visible = new AnswerText({ isAnswer: isStripped, isTurn: isStripped && this.ends.isTurn })
    this.join = this.text === '' ? '' : join
  }

  /** Adds a piece of text and returns what it makes certain. */
  add(piece: string): string {
    return this.more(this.visible.add(piece))
  }

  /** Ends the passage and returns what was held back. One that was cut keeps its last blanks. */
  end(isCut: boolean): string {
    return this.more(this.visible.end(isCut))
  }

  private more(text: string): string {
    if (text === '') return ''
    const more = this.join + text
    this.join = ''
    this.text += more
    return more
  }
}
