/** Minimum ms between redraws: thirty a second look live. */
const EVERY_MS = 33
/** Pause after each time, relative to the time it took: the browser has to do more than that. */
const PAUSE = 3

/** Collects items that come faster than they can be shown, and shows them together: each time costs a layout. */
export class Batches<T> {
  private items: T[] = []
  private timer?: number
  private hadTurnAt = performance.now()
  private tookMs = 0

  constructor(private readonly show: (items: readonly T[]) => void) {}

  /** Adds items. Resolves at once or, if the browser could not draw for a while, after it has had time to. */
  async add(items: readonly T[]): Promise<void> {
    this.items.push(...items)
    this.timer ??= window.setTimeout(() => this.flush(), Math.max(EVERY_MS, PAUSE * this.tookMs))
    if (performance.now() - this.hadTurnAt < EVERY_MS) return
    await new Promise((resolve) => setTimeout(resolve))
    this.hadTurnAt = performance.now()
  }

  /** Shows all collected items now. */
  flush(): void {
    clearTimeout(this.timer)
    this.timer = undefined
    const { items } = this
    this.items = []
    const started = performance.now()
    this.show(items)
    this.tookMs = performance.now() - started
  }
}
