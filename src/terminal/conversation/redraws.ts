/** Ms between redraws of a running answer: ten a second look steady. */
const REDRAW_MS = 100
/** The most ms between them, however long a drawing takes. */
const SLOWEST_MS = 500
/** Drawing has at most this share of the time of a core, which the model needs more. */
const SHARE = 1 / 6

/** Something that screens draw again after its changes. */
export class Drawn {
  private readonly listeners = new Set<() => void>()
  private nextDrawing?: NodeJS.Timeout
  private drawingMs = 0

  /** Calls `listener` for each drawing, until the returned function is called. */
  subscribe(listener: () => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** Draws again: now for what the user does; soon for what the model does, once for all changes until then. */
  changed(when: 'now' | 'soon' = 'now'): void {
    if (when === 'soon') {
      const wait = Math.min(SLOWEST_MS, Math.max(REDRAW_MS, this.drawingMs / SHARE))
      this.nextDrawing ??= setTimeout(() => this.changed(), wait)
      return
    }
    clearTimeout(this.nextDrawing)
    this.nextDrawing = undefined
    const start = performance.now()
    for (const listener of this.listeners) listener()
    this.drawingMs = performance.now() - start
  }
}
