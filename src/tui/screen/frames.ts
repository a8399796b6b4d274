/** So often a running answer is drawn: 12 times a second are seen as steady, and leave the cores to the model. */
const FRAME_MS = 80

/** When something is drawn, and who draws it. */
export class Frames {
  /** Another one for each drawing. */
  version = 0
  private readonly listeners = new Set<() => void>()
  private next?: NodeJS.Timeout

  /** Calls `listener` for each drawing; returns what ends that. */
  subscribe(listener: () => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** Draws now, or soon: then once for all that changes until the next frame is due. */
  draw(when: 'now' | 'soon'): void {
    if (when === 'soon') {
      this.next ??= setTimeout(() => this.draw('now'), FRAME_MS)
      return
    }
    clearTimeout(this.next)
    this.next = undefined
    this.version++
    for (const listener of this.listeners) listener()
  }
}
