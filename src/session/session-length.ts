/** A call that has been made and changes the length of its session. */
export interface PlannedChange {
  /** The call has been carried out. */
  done(): void
  /** The call has failed, and left the session as it was. */
  failed(): void
}

/**
 * Tokens that a session has once all calls made so far are carried out, which happens in the order they were made. One
 * that fails is taken out, and those made after it count from where it began.
 */
export class SessionLength {
  private settled = 0
  private readonly pending: { change: (length: number) => number; done: boolean }[] = []

  get value(): number {
    return this.pending.reduce((length, { change }) => change(length), this.settled)
  }

  plan(change: (length: number) => number): PlannedChange {
    const entry = { change, done: false }
    this.pending.push(entry)
    return {
      done: () => {
        entry.done = true
        this.settle()
      },
      failed: () => {
        this.pending.splice(this.pending.indexOf(entry), 1)
        this.settle()
      },
    }
  }

  private settle(): void {
    while (this.pending[0]?.done) {
      this.settled = this.pending[0].change(this.settled)
      this.pending.shift()
    }
  }
}
