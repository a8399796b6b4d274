import type { Dialect } from './literal-reader.js'

/** Whether a text that arrives in pieces is inside a string of its literals. A line break ends a string in quotes. */
export class StringState {
  private closer: string | undefined
  private readonly openers: readonly (readonly [open: string, close: string])[]
  /** The last units, in case a delimiter goes over the border of two pieces. */
  private tail = ''

  constructor({ delimiters = [], isPython = false }: Dialect) {
    this.openers = [...delimiters, ['"', '"'], ...(isPython ? [["'", "'"] as const] : [])]
  }

  get isInside(): boolean {
    return this.closer !== undefined
  }

  add(piece: string): void {
    const text = this.tail + piece
    let at = 0
    while (at < text.length) {
      const length = this.stepAt(text, at)
      if (length === 0) break
      at += length
    }
    this.tail = text.slice(at)
  }

  /** Length of what comes next; 0 if more text is needed to know. */
  private stepAt(text: string, at: number): number {
    if (this.closer === undefined) {
      const opener = this.openers.find(([open]) => text.startsWith(open, at))
      if (!opener) return this.openers.some(([open]) => open.startsWith(text.slice(at))) ? 0 : 1
      this.closer = opener[1]
      return opener[0].length
    }
    const { closer } = this
    if (text.startsWith(closer, at)) {
      this.closer = undefined
      return closer.length
    }
    if (closer.startsWith(text.slice(at))) return 0
    if (closer.length > 1) return 1
    if (text[at] === '\n') this.closer = undefined
    if (text[at] === '\\') return at + 1 < text.length ? 2 : 0
    return 1
  }
}
