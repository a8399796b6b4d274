import { formatBytes } from '../../ground/numbers.js'
import type { OutputOptions } from './output.js'
import { withStatusLine } from './status-line.js'

/** Shows that `done` of `all` is done. */
export type ShowProgress = (done: number, all: number) => void

export interface ProgressOptions extends OutputOptions {
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
    work((done, all) => line?.refresh(() => `${label} ${Math.floor((100 * done) / all)} % of ${format(all)}`)),
  )
}
