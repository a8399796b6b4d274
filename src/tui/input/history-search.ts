import { harmless } from '../../terminal/cell-width.js'
import type { InputHistory } from './history.js'
import type { Key } from './keys.js'

/** A search in earlier inputs, as Ctrl-R begins it. */
export class HistorySearch {
  text = ''
  found?: string
  /** The found input, once the user has taken it. */
  taken?: string
  /** Number of newer finds that were passed over. */
  private skipped = 0

  constructor(private readonly history: InputHistory) {}

  /**
   * Applies a key: letters narrow the search, Ctrl-R goes further back. Any other key ends the search and returns
   * false: it takes the found input, or gives up.
   */
  press(key: Key): boolean {
    if (key.kind === 'background') return true
    if (key.kind !== 'key') this.look(this.text + harmless(key.text), 0)
    else if (key.name === 'search') this.look(this.text, this.skipped + 1)
    else if (key.name === 'backspace') this.look(this.text.slice(0, -1), 0)
    else {
      const gaveUp = key.name === 'escape' || key.name === 'ctrl-c' || key.name === 'ctrl-d'
      if (!gaveUp) this.taken = this.found
      return false
    }
    return true
  }

  private look(text: string, skipped: number): void {
    const found = this.history.find(text, skipped)
    // Ctrl-R stays at the oldest find.
    if (found === undefined && skipped > 0) return
    this.text = text
    this.skipped = skipped
    this.found = found
  }
}
