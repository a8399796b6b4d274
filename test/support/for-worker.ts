/**
 * Something that is dear to make and serves all test files of a worker process. It is made when the first of them gets
 * it, and ends with the process. A process without a parent to tell it when to end, as uvu's own, ends it at `release`,
 * which each file calls in its end.
 */
export class ForWorker<T> {
  private made?: Promise<T>

  constructor(
    private readonly make: () => Promise<T>,
    private readonly end: (made: T) => Promise<unknown>,
  ) {}

  get(): Promise<T> {
    if (this.made === undefined) {
      this.made = this.make()
      process.once('disconnect', () => this.close())
    }
    return this.made
  }

  async release(): Promise<void> {
    if (!process.connected) await this.close()
  }

  /** Ends it. The next that gets it makes another. */
  async close(): Promise<void> {
    const { made } = this
    this.made = undefined
    if (made) await this.end(await made)
  }
}
