/** The text of a generation as it is shown: an answer begins with its first visible character. */
export class AnswerText {
  private shown = ''
  private seen = 0

  /** `isAnswer`: blanks at the beginning only part the answer from the frame, and are left out. */
  constructor(private readonly isAnswer: boolean) {}

  /** What is to be shown of the next piece of generated text. */
  add(piece: string): string {
    this.seen += piece.length
    const visible = this.isAnswer && this.shown === '' ? piece.trimStart() : piece
    this.shown += visible
    return visible
  }

  /** What is to be shown of the whole generated text beyond the pieces before. */
  rest(whole: string): string {
    return this.add(whole.slice(this.seen))
  }
}
