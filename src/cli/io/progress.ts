import { formatBytes } from '../../numbers.js'
import { createStatusLine } from './status-line.js'

/** So often a line is drawn at most: faster is not seen, only paid for. */
const REDRAW_MS = 100

/** A line that tells how far a long piece of work has come. */
export interface Progress {
  /** `done` of `all`, which are bytes unless `format` says otherwise. */
  show(done: number, all: number): void
  /** Takes the line away. Harmless when there is none. */
  clear(): void
}

/** Shows nothing where stderr may not be drawn on. */
export function createProgress(
  label: string,
  options: { color?: boolean; quiet?: boolean },
  format: (all: number) => string = formatBytes,
): Progress {
  const line = createStatusLine(options)
  let drawn = -Infinity
  return {
    show(done, all) {
      const now = performance.now()
      if (!line || now - drawn < REDRAW_MS) return
      drawn = now
      line.show(`${label} ${Math.floor((100 * done) / all)} % of ${format(all)}`)
    },
    clear() {
      line?.clear()
    },
  }
}
