import { harmless } from '../../terminal/cell-width.js'
import type { InputHistory } from './history.js'
import type { Key } from './keys.js'

/** A search in what was written before, as Ctrl-R begins it. */
export class HistorySearch {
  text = ''
  found?: string
  /** What was found, once it is taken. */
  taken?: string
  /** So many newer finds have been passed over. */
  private skipped = 0

  constructor(private readonly history: InputHistory) {}

  /** Letters narrow the search, Ctrl-R goes further back. False for a key that ends it: it takes what is found, or gives up. */
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
    // At the oldest find, Ctrl-R stays.
    if (found === undefined && skipped > 0) return
    this.text = text
    this.skipped = skipped
    this.found = found
  }
}
