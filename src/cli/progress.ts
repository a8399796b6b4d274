import { formatBytes } from '../numbers.js'
import { printable } from '../printable.js'
import { mayAnimate } from './output.js'

/** So often a line is drawn at most: faster is not seen, only paid for. */
const REDRAW_MS = 100

/** A line that tells how far a long piece of work has come. */
export interface Progress {
  /** `done` of `all`, which are bytes unless `format` says otherwise. */
  show(done: number, all: number): void
  /** Takes the line away. Harmless when there is none. */
  clear(): void
}

/** Draws on stderr when that is a terminal that may be drawn on; else shows nothing. */
export function createProgress(
  label: string,
  options: { color?: boolean; quiet?: boolean },
  format: (all: number) => string = formatBytes,
): Progress {
  if (!mayAnimate(options)) return { show() {}, clear() {} }
  let drawn = -Infinity
  return {
    show(done, all) {
      const now = performance.now()
      if (now - drawn < REDRAW_MS) return
      drawn = now
      const percent = Math.floor((100 * done) / all)
      process.stderr.write(`\r\x1b[K${printable(label)} ${percent} % of ${format(all)}`)
    },
    clear() {
      if (drawn !== -Infinity) process.stderr.write('\r\x1b[K')
      drawn = -Infinity
    },
  }
}
