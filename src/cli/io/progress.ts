import { formatBytes } from '../../numbers.js'
import type { OutputOptions } from './output.js'
import { withStatusLine } from './status-line.js'

/** Shows that `done` of `all` is done. */
export type ShowProgress = (done: number, all: number) => void

export interface ProgressOptions extends OutputOptions {
  /** In front of the numbers: `packing`. */
  label: string
  /** What there is in all, in words. Default: as bytes. */
  format?: (all: number) => string
}

/** Does `work` with a line on stderr that tells how far it has come. Shows nothing where stderr may not be drawn on. */
export function withProgress<T>(
  { label, format = formatBytes, ...options }: ProgressOptions,
  work: (show: ShowProgress) => Promise<T>,
): Promise<T> {
  return withStatusLine(options, (line) =>
    work((done, all) => line?.refresh(() => `${label} ${Math.floor((100 * done) / all)} % of ${format(all)}`)),
  )
}
