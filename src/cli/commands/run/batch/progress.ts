import { formatDuration, plural } from '../../../../ground/numbers.js'
import type { OutputOptions } from '../../../io/output.js'
import { createStatusLine } from '../../../io/status-line.js'
import { Throughput } from '../../../io/throughput.js'

export interface BatchProgress {
  /** `lines`: lines written; `end`: offset in the input of the end of the last one. */
  show(lines: number, end: number): void
  /** Removes the line, if there is one. */
  clear(): void
}

/**
 * Creates a status line: `in.jsonl: 120 lines, 34 %, 45 s left`. Share and time come from the bytes of the input, since its
 * lines are not counted in advance; for a pipe they are not shown. Shows nothing if status lines may not be drawn.
 */
export function createBatchProgress(
  name: string,
  bytes: number | undefined,
  lines: number,
  options: OutputOptions,
): BatchProgress {
  const line = createStatusLine(options)
  const throughput = new Throughput()
  line?.show(`${name}: ${plural(lines, 'line')}`)
  return {
    show(lines, end) {
      throughput.add(end)
      const place = bytes === undefined ? undefined : { end, bytes }
      line?.refresh(() => describeBatch(name, lines, place, throughput.perSecond))
    },
    clear() {
      line?.clear()
    },
  }
}

export function describeBatch(
  name: string,
  lines: number,
  place: { end: number; bytes: number } | undefined,
  bytesPerSecond: number | undefined,
): string {
  const done = `${name}: ${plural(lines, 'line')}`
  if (!place || place.bytes === 0) return done
  const { end, bytes } = place
  const share = `${done}, ${Math.floor((100 * Math.min(end, bytes)) / bytes)} %`
  if (!bytesPerSecond || end >= bytes) return share
  return `${share}, ${formatDuration((bytes - end) / bytesPerSecond)} left`
}
