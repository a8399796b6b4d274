/** Texts that go before the next question, such as files. */
export class PendingTexts {
  texts: string[] = []
  /** Questions that were sent with texts, by the whole message. */
  private readonly sentWith = new Map<string, { texts: string[]; question: string }>()

  joinedWith(question: string): string {
    return [...this.texts, question].join('\n')
  }

  /** The message with this question was sent: the next one begins without texts. */
  sent(question: string): void {
    if (this.texts.length > 0) this.sentWith.set(this.joinedWith(question), { texts: this.texts, question })
    this.texts = []
  }

  /** Takes a message back: its texts wait again. Returns its question. */
  takeBack(message: string): string {
    const { texts = [], question = message } = this.sentWith.get(message) ?? {}
    this.texts.unshift(...texts)
    return question
  }
}
