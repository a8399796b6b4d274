/** Ms between redraws of a running answer: ten a second look steady. */
const REDRAW_MS = 100
/** The most ms between them, however long a drawing takes. */
const SLOWEST_MS = 250
/** Drawing has at most this share of the time of a core, which the model needs more. */
const SHARE = 0.1

/** Calls listeners when they are to draw; close changes share a drawing. */
export class Redraws {
  private readonly listeners = new Set<() => void>()
  private next?: NodeJS.Timeout
  /** Ms of the latest drawing. */
  private cost = 0

  /** Calls `listener` for each drawing until the returned function is called. */
  subscribe(listener: () => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** Draws now; or soon, once for all changes until the next redraw is due. */
  draw(when: 'now' | 'soon'): void {
    if (when === 'soon') {
      const wait = Math.min(SLOWEST_MS, Math.max(REDRAW_MS, this.cost / SHARE))
      this.next ??= setTimeout(() => this.draw('now'), wait)
      return
    }
    clearTimeout(this.next)
    this.next = undefined
    const start = performance.now()
    for (const listener of this.listeners) listener()
    this.cost = performance.now() - start
  }
}
