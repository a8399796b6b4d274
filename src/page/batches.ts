/** Some thirty times a second is as live as a reader can tell. */
const EVERY_MS = 33

/** Collects what may come faster than it can be shown, and hands it on together: each time costs a layout of the page. */
export class Batches<T> {
  private items: T[] = []
  private timer?: number
  private hadTurnAt = performance.now()

  constructor(private readonly show: (items: readonly T[]) => void) {}

  /** Takes what came. Resolves at once or, where the browser had no time to draw for a while, after that. */
  async add(items: readonly T[]): Promise<void> {
    this.items.push(...items)
    this.timer ??= window.setTimeout(() => this.flush(), EVERY_MS)
    if (performance.now() - this.hadTurnAt < EVERY_MS) return
    await new Promise((resolve) => setTimeout(resolve))
    this.hadTurnAt = performance.now()
  }

  /** Hands on what is there. */
  flush(): void {
    clearTimeout(this.timer)
    this.timer = undefined
    const { items } = this
    this.items = []
    this.show(items)
  }
}
