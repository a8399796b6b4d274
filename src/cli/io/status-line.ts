import type { PromptProgress } from '../../api/generation.js'
import { formatBytes } from '../../ground/numbers.js'
import { fit } from '../../ground/output/cell-width.js'
import { describeReading } from '../../ground/output/reading.js'
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

/** Creates a line on stderr. It shows nothing if status lines may not be drawn there, and no refresh for `patience` ms. */
export function createStatusLine(options: OutputOptions, patience = 0): StatusLine {
  if (!mayAnimate(options)) return { show() {}, refresh() {}, clear() {} }
  let isDrawn = false
  let drawnAt = performance.now() + patience - REDRAW_MS
  let latest: () => string
  let waiting: NodeJS.Timeout | undefined
  const show = (text: string) => {
    const room = (process.stderr.columns || 80) - 1
    process.stderr.write(`\r\x1b[K${fit(printable(text, Infinity), room)}`)
    isDrawn = true
    drawnAt = performance.now()
  }
  return {
    show,
    refresh(text) {
      latest = text
      const early = drawnAt + REDRAW_MS - performance.now()
      if (early <= 0) show(text())
      // The first text may be the only one for long.
      else if (!isDrawn) waiting ??= setTimeout(() => show(latest()), early)
    },
    clear() {
      clearTimeout(waiting)
      waiting = undefined
      if (isDrawn) process.stderr.write('\r\x1b[K')
      isDrawn = false
    },
  }
}

/** Creates a line for the progress of reading a prompt, which shows nothing if that takes less than a second. */
export function createReadingLine(options: OutputOptions) {
  const line = createStatusLine(options, 1000)
  const show = (progress: PromptProgress) => line.refresh(() => describeReading(progress))
  return { show, clear: line.clear }
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
