import { formatDuration, plural } from '../../../../numbers.js'
import type { OutputOptions } from '../../../io/output.js'
import { createStatusLine } from '../../../io/status-line.js'
import { Throughput } from '../../../io/throughput.js'

export interface BatchProgress {
  /** `lines` of the output are written; `end` is where the last of them ends in the input. */
  show(lines: number, end: number): void
  /** Takes the line away. Harmless when there is none. */
  clear(): void
}

/**
 * A line on stderr: `in.jsonl: 120 lines, 34 %, 45 s left`. What is left is told by the bytes of the input, whose lines
 * nobody has counted; of a pipe it cannot be told. Shows nothing where stderr may not be drawn on.
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

/** How far a batch is, in words. */
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
