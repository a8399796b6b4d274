import { stripVTControlCharacters } from 'node:util'
import { cellWidth } from '../../ground/output/cell-width.js'
import { printableOutput } from '../../ground/printable.js'

/*
 * Writes these sequences of ECMA-48: CUP (CSI H, 8.3.21) to the upper left corner, CUU (CSI n A, 8.3.22) and CUD (CSI n
 * B, 8.3.19) up and down, EL (CSI K, CSI 2 K, 8.3.41) to erase the rest of a line or all of it.
 */

/** The lines to show: finished ones, and below them the changing ones. */
export interface Frame {
  /** New lines for the scrollback; each is given once. */
  finished: readonly string[]
  live: readonly string[]
}

const HOME = '\x1b[H'
const ERASE_TO_END = '\x1b[K'
const UP_AND_ERASE = '\x1b[1A\x1b[2K'
const ERASE_AND_DOWN = '\x1b[2K\x1b[1B'
/** More lines than any window has: the cursor never moves further up. */
const MOST_LINES = 1000

/**
 * The lines that this program has put on a terminal; the last ones change. Each method returns the text to write. The
 * cursor waits at the beginning of the row below the lines.
 */
export class Screen {
  private live: readonly string[] = []
  /** Widths of the finished lines that a window can still show. */
  private widths: number[] = []

  /** Changes the screen to the frame; writes only lines that differ. */
  draw(frame: Frame): string {
    const { finished, live } = printableFrame(frame)
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
   * Draws the frame again after a window of `columns` has broken the lines: from the first line of this program on, or
   * from the top if that line has left the screen.
   */
  redraw({ finished, live }: Frame, columns: number): string {
    return erased(this.rowsAt(columns)) + this.afresh({ finished, live })
  }

  /** Wipes a screen of `rows` rows and draws the frame. */
  wipe(frame: Frame, rows: number): string {
    return HOME + ERASE_AND_DOWN.repeat(rows) + HOME + this.afresh(frame)
  }

  /** Erases the live lines. */
  leave(): string {
    const erase = erased(this.live.length)
    this.live = []
    return erase
  }

  /** Rows of all lines in a window of `columns`, as terminals break lines. */
  rowsAt(columns: number): number {
    const widths = [...this.widths, ...this.live.map(widthOf)]
    return widths.reduce((sum, width) => sum + Math.max(1, Math.ceil(width / columns)), 0)
  }

  private afresh(frame: Frame): string {
    const { finished, live } = printableFrame(frame)
    this.widths = []
    this.keep(finished)
    this.live = live
    return [...finished, ...live].map((line) => `${line}\r\n`).join('')
  }

  private keep(lines: readonly string[]): void {
    for (const line of lines) this.widths.push(widthOf(line))
    if (this.widths.length > MOST_LINES) this.widths = this.widths.slice(-MOST_LINES)
  }
}

/**
 * Erases the rows above the cursor, line by line: when a program erases the top of the screen at once, some terminals
 * copy it to the scrollback.
 */
function erased(rows: number): string {
  return `\r${UP_AND_ERASE.repeat(Math.min(rows, MOST_LINES))}`
}

/** Colours stay; whatever else a name in a line has cannot control the terminal. */
function printableFrame({ finished, live }: Frame): Frame {
  return { finished: finished.map(printableOutput), live: live.map(printableOutput) }
}

function widthOf(line: string): number {
  return cellWidth(stripVTControlCharacters(line))
}
