/** Counts turns of the event loop until it is stopped. */
export class LoopCounter {
  turns = 0
  private isStopped = false

  constructor() {
    const count = () => {
      this.turns++
      if (!this.isStopped) setImmediate(count)
    }
    setImmediate(count)
  }

  stop(): void {
    this.isStopped = true
  }
}
