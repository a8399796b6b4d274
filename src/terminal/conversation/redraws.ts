/** Minimum ms between redraws of a running answer: 12 a second look steady, and leave the cores to the model. */
const REDRAW_MS = 80

/** Calls listeners when they are to draw; close changes share a drawing. */
export class Redraws {
  /** Grows with each drawing. */
  version = 0
  private readonly listeners = new Set<() => void>()
  private next?: NodeJS.Timeout

  /** Calls `listener` for each drawing until the returned function is called. */
  subscribe(listener: () => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** Draws now; or soon, once for all changes until the next redraw is due. */
  draw(when: 'now' | 'soon'): void {
    if (when === 'soon') {
      this.next ??= setTimeout(() => this.draw('now'), REDRAW_MS)
      return
    }
    clearTimeout(this.next)
    this.next = undefined
    this.version++
    for (const listener of this.listeners) listener()
  }
}
