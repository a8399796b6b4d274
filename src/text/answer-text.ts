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
