/** Texts that go before the next question, such as those of files. */
export class PendingTexts {
  private texts: string[] = []
  /** Questions that were sent with texts, by the whole message. */
  private readonly sentWith = new Map<string, { texts: string[]; question: string }>()

  /** Characters of the texts. */
  get length(): number {
    return this.texts.reduce((sum, text) => sum + text.length, 0)
  }

  get count(): number {
    return this.texts.length
  }

  add(...texts: readonly string[]): void {
    this.texts.push(...texts)
  }

  clear(): void {
    this.texts = []
  }

  /** The texts and a question as one message. */
  joinedWith(question: string): string {
    return [...this.texts, question].join('\n')
  }

  /** The message with this question was sent: the next one begins without texts. */
  sent(question: string): void {
    if (this.count > 0) this.sentWith.set(this.joinedWith(question), { texts: this.texts, question })
    this.clear()
  }

  /** Takes a message back: its texts wait again. Returns its question. */
  takeBack(message: string): string {
    const { texts = [], question = message } = this.sentWith.get(message) ?? {}
    this.texts.unshift(...texts)
    return question
  }
}
