import { printable } from '../../printable.js'
import { fit } from '../../terminal/cell-width.js'
import { mayAnimate } from './output.js'

/** A line at the foot of a terminal that tells how far something has come; never longer than the window is wide. */
export interface StatusLine {
  show(text: string): void
  /** Takes it away. Harmless when there is none. */
  clear(): void
}

/** Draws on stderr when that is a terminal that may be drawn on; undefined where nothing would be seen. */
export function createStatusLine(options: { color?: boolean; quiet?: boolean }): StatusLine | undefined {
  if (!mayAnimate(options)) return undefined
  let isDrawn = false
  return {
    show(text) {
      const room = (process.stderr.columns || 80) - 1
      process.stderr.write(`\r\x1b[K${fit(printable(text, Infinity), room)}`)
      isDrawn = true
    },
    clear() {
      if (isDrawn) process.stderr.write('\r\x1b[K')
      isDrawn = false
    },
  }
}
