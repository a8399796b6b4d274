/** Runs jobs at the same time. A job that fails because of the others, such as for lack of memory, runs again alone. */
export class RetryAlone {
  private readonly underWay = new Set<Promise<unknown>>()
  private started = 0
  /** Resolves when the last job that runs alone is done. */
  private lastAlone: Promise<unknown> = Promise.resolve()

  /** Runs `work`, and again alone if it ran with others and fails with an error for which `isOfOthers` is true. */
  async run<T>(work: () => Promise<T>, isOfOthers: (error: unknown) => boolean): Promise<T> {
    await this.mayBegin()
    const beganAlone = this.underWay.size === 0
    const number = ++this.started
    const running = work()
    this.underWay.add(running)
    try {
      return await running
    } catch (error) {
      const wasAlone = beganAlone && this.started === number
      if (wasAlone || !isOfOthers(error)) throw error
    } finally {
      this.underWay.delete(running)
    }
    return this.runAlone(work)
  }

  private runAlone<T>(work: () => Promise<T>): Promise<T> {
    const before = this.lastAlone
    const running = before.then(async () => {
      await Promise.allSettled(this.underWay)
      return work()
    })
    this.lastAlone = running.catch(() => undefined)
    return running
  }

  /** Resolves when no job runs alone or waits for that. */
  private async mayBegin(): Promise<void> {
    for (let awaited: unknown; awaited !== this.lastAlone; ) {
      awaited = this.lastAlone
      await awaited
    }
  }
}
