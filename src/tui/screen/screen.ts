import { stripVTControlCharacters } from 'node:util'
import { cellWidth } from '../../terminal/cell-width.js'

/** What is to be on the screen: lines that are finished, and below them those that change. */
export interface Frame {
  /** Lines that go into the scrollback, once. */
  finished: readonly string[]
  live: readonly string[]
}

const HOME = '\x1b[H'
const ERASE_TO_END = '\x1b[K'
const UP_AND_ERASE = '\x1b[1A\x1b[2K'
const ERASE_AND_DOWN = '\x1b[2K\x1b[1B'
/** More lines than any window has: further up than this the cursor does not come. */
const MOST_LINES = 1000

/**
 * The lines that a program has put on a terminal, of which the last ones change. It gives out what to write so that they
 * become others; the cursor waits at the beginning of the row below them.
 */
export class Screen {
  private live: readonly string[] = []
  /** Columns of the lines written since the beginning, live ones left out; no more than any window could show. */
  private widths: number[] = []

  /** From what is there to the frame: only lines that differ are written. */
  draw({ finished, live }: Frame): string {
    const before = this.live
    this.live = live
    if (finished.length === 0 && live.length === before.length) {
      const changes = live.map((line, row) => {
        if (line === before[row]) return ''
        const up = live.length - row
        return `\x1b[${up}A\r${line}${ERASE_TO_END}\x1b[${up}B\r`
      })
      return changes.join('')
    }
    this.keep(finished)
    return erased(before.length) + [...finished, ...live].map((line) => `${line}\r\n`).join('')
  }

  /**
   * Draws all anew, after a window of `columns` has broken the lines that were there: from the first line of this program
   * on, or, where that has left the screen, from the top.
   */
  redraw({ finished, live }: Frame, columns: number): string {
    return erased(this.rowsAt(columns)) + this.afresh({ finished, live })
  }

  /** Draws all anew on a screen of so many rows that is wiped. */
  wipe(frame: Frame, rows: number): string {
    return HOME + ERASE_AND_DOWN.repeat(rows) + HOME + this.afresh(frame)
  }

  /** Takes the live lines away. */
  leave(): string {
    const erase = erased(this.live.length)
    this.live = []
    return erase
  }

  /** Rows that all lines take in a window of so many columns, as terminals break them. */
  rowsAt(columns: number): number {
    const widths = [...this.widths, ...this.live.map(widthOf)]
    return widths.reduce((sum, width) => sum + Math.max(1, Math.ceil(width / columns)), 0)
  }

  private afresh({ finished, live }: Frame): string {
    this.widths = []
    this.keep(finished)
    this.live = live
    return [...finished, ...live].map((line) => `${line}\r\n`).join('')
  }

  private keep(lines: readonly string[]): void {
    this.widths.push(...lines.map(widthOf))
    if (this.widths.length > MOST_LINES) this.widths = this.widths.slice(-MOST_LINES)
  }
}

/**
 * Takes away the rows above the cursor. Line by line: some terminals keep a copy in the scrollback of what is erased at
 * once from the top of the screen.
 */
function erased(rows: number): string {
  return `\r${UP_AND_ERASE.repeat(Math.min(rows, MOST_LINES))}`
}

function widthOf(line: string): number {
  return cellWidth(stripVTControlCharacters(line))
}
