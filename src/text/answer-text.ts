import type { ResponseField } from '../api/response.js'

/** Whether a generated text begins an answer and ends a turn. */
export interface AnswerEnds {
  /** It begins an answer instead of continuing a text. */
  isAnswer: boolean
  /** It ends a turn of a conversation instead of a raw text. */
  isTurn: boolean
}

/**
 * The visible text of a generation, piece by piece. Blanks at the beginning of an answer and at the end of a turn only
 * part it from its frame, and are left out. Blanks that may be the last are held back until a visible character
 * follows.
 */
export class AnswerText {
  private hasBegun: boolean
  private held = ''
  private seen = 0

  constructor(private readonly ends: AnswerEnds) {
    this.hasBegun = !ends.isAnswer
  }

  get isHolding(): boolean {
    return this.held !== ''
  }

  /** The visible text that the next piece of generated text makes certain. */
  add(piece: string): string {
    this.seen += piece.length
    const text = this.hasBegun ? piece : piece.trimStart()
    this.hasBegun ||= text !== ''
    const end = this.ends.isTurn ? text.trimEnd().length : text.length
    // The blanks held back are not read again: some models write them without end.
    const visible = end === 0 ? '' : this.held + text.slice(0, end)
    this.held = end === 0 ? this.held + text : text.slice(end)
    return visible
  }

  /** The visible text of the whole generation beyond the pieces before. One that was cut keeps its last blanks. */
  rest(whole: string, isCut: boolean): string {
    return this.add(whole.slice(this.seen)) + this.end(isCut)
  }

  /** The text held back, at the end: blanks if the generation was cut, else nothing. */
  end(isCut: boolean): string {
    const text = isCut ? this.held : ''
    this.held = ''
    return text
  }
}

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
