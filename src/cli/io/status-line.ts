import { printable } from '../../printable.js'
import { fit } from '../../terminal/cell-width.js'
import { mayAnimate, type OutputOptions } from './output.js'

/** Minimum ms between redraws of what changes all the time. */
export const REDRAW_MS = 100

/** A line at the foot of a terminal that tells how far something has come; never longer than the window is wide. */
export interface StatusLine {
  show(text: string): void
  /** Shows a text, unless the line was drawn less than REDRAW_MS ago. */
  refresh(text: () => string): void
  /** Takes it away. Harmless when there is none. */
  clear(): void
}

/** Draws on stderr when that is a terminal that may be drawn on; undefined where nothing would be seen. */
export function createStatusLine(options: OutputOptions): StatusLine | undefined {
  if (!mayAnimate(options)) return undefined
  let isDrawn = false
  let drawnAt = -Infinity
  const show = (text: string) => {
    const room = (process.stderr.columns || 80) - 1
    process.stderr.write(`\r\x1b[K${fit(printable(text, Infinity), room)}`)
    isDrawn = true
    drawnAt = performance.now()
  }
  return {
    show,
    refresh(text) {
      if (performance.now() - drawnAt >= REDRAW_MS) show(text())
    },
    clear() {
      if (isDrawn) process.stderr.write('\r\x1b[K')
      isDrawn = false
    },
  }
}

/** Does `work` with a status line, and takes the line away at its end. */
export async function withStatusLine<T>(
  options: OutputOptions,
  work: (line: StatusLine | undefined) => Promise<T>,
): Promise<T> {
  const line = createStatusLine(options)
  try {
    return await work(line)
  } finally {
    line?.clear()
  }
}
