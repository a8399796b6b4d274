import { formatBytes } from '../../ground/numbers.js'
import { fit } from '../../ground/output/cell-width.js'
import { printable } from '../../ground/printable.js'
import { mayAnimate, type OutputOptions } from './output.js'

/** Minimum ms between redraws of a status line. */
export const REDRAW_MS = 100

/** A line at the bottom of the terminal that shows progress, cut to the width of the window. */
export interface StatusLine {
  show(text: string): void
  /** Shows a text unless the line was drawn less than REDRAW_MS ago. */
  refresh(text: () => string): void
  /** Removes the line, if there is one. */
  clear(): void
}

/** Creates a line on stderr. It shows nothing if status lines may not be drawn there. */
export function createStatusLine(options: OutputOptions): StatusLine {
  if (!mayAnimate(options)) return { show() {}, refresh() {}, clear() {} }
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

/** Runs `work` with a status line, and removes the line at the end. */
export async function withStatusLine<T>(options: OutputOptions, work: (line: StatusLine) => Promise<T>): Promise<T> {
  const line = createStatusLine(options)
  try {
    return await work(line)
  } finally {
    line.clear()
  }
}

/** Shows that `done` of `all` is done. */
type ShowProgress = (done: number, all: number) => void

interface ProgressOptions extends OutputOptions {
  /** Text in front of the numbers: `packing`. */
  label: string
  /** Formats the total. Default: as bytes. */
  format?: (all: number) => string
}

/** Runs `work` while a status line shows its progress. Shows nothing if status lines may not be drawn. */
export function withProgress<T>(
  { label, format = formatBytes, ...options }: ProgressOptions,
  work: (show: ShowProgress) => Promise<T>,
): Promise<T> {
  return withStatusLine(options, (line) =>
    work((done, all) => line.refresh(() => `${label} ${Math.floor((100 * done) / all)} % of ${format(all)}`)),
  )
}
