import type { Key } from '../input/keys.js'
import type { Terminal } from './terminal.js'

/** Actions of the keys that take effect while the model loads. */
export interface TypedAheadActions {
  /** Ctrl-C. */
  interrupt(): void
  /** Ctrl-D, if nothing has been typed. */
  leave(): void
  /** Ctrl-Z. */
  suspend(): void
}

/**
 * Keeps the keys that come while a model loads, before there is a chat. The terminal is in raw mode from the start: in
 * line mode it would echo keys onto the screen, and Enter would arrive as a line feed.
 */
export class TypedAhead {
  private readonly keys: Key[] = []

  constructor(
    readonly terminal: Terminal,
    private readonly actions: TypedAheadActions,
  ) {
    terminal.onKey = (key) => this.press(key)
    terminal.enter()
  }

  /** Hands over the keys so far, and from now on each key as it comes. */
  handTo(press: (key: Key) => void): void {
    this.terminal.onKey = press
    for (const key of this.keys.splice(0)) press(key)
  }

  private press(key: Key): void {
    const name = key.kind === 'key' ? key.name : undefined
    if (name === 'ctrl-c') this.actions.interrupt()
    else if (name === 'suspend') this.actions.suspend()
    else if (name === 'ctrl-d' && this.keys.length === 0) this.actions.leave()
    // Enter, typed before the terminal was in raw mode.
    else if (name === 'line-feed') this.keys.push({ kind: 'key', name: 'enter' })
    else this.keys.push(key)
  }
}
