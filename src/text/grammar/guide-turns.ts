/*
 * Guides of a thread compute in turns. Those that have computed least for their tokens come first, so that a quick guide
 * waits for one computation of a slow one at most. Of equals the newest comes first: a queue of slow ones may be older.
 */

/** Milliseconds of computing without a turn of the event loop. The thread reads its messages between turns. */
const TURN_MS = 2

/** A guide that computes in turns. */
export interface Computing {
  /** Milliseconds that it has computed, less an allowance for each of its tokens. */
  debt: number
}

export class GuideTurns {
  private readonly waiting: { guide: Computing; go: () => void }[] = []
  private begun = 0

  async turn(guide: Computing): Promise<void> {
    if (this.waiting.length === 0 && performance.now() - this.begun < TURN_MS) return
    await new Promise<void>((go) => {
      if (this.waiting.push({ guide, go }) === 1) setImmediate(() => this.next())
    })
  }

  private next(): void {
    const { waiting } = this
    this.begun = performance.now()
    const first = waiting.reduce((a, b) => (b.guide.debt <= a.guide.debt ? b : a))
    waiting.splice(waiting.indexOf(first), 1)
    first.go()
    if (waiting.length > 0) setImmediate(() => this.next())
  }
}
