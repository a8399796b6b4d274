import { formatDuration, plural } from '../../../../numbers.js'
import { Rate } from '../../../io/rate.js'
import { createStatusLine } from '../../../io/status-line.js'

/** So often the line is drawn at most. */
const REDRAW_MS = 100

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
  options: { color?: boolean; quiet?: boolean },
): BatchProgress {
  const line = createStatusLine(options)
  const rate = new Rate()
  let drawn = -Infinity
  line?.show(`${name}: ${plural(lines, 'line')}`)
  return {
    show(lines, end) {
      rate.add(end)
      const now = performance.now()
      if (!line || now - drawn < REDRAW_MS) return
      drawn = now
      line.show(describeBatch(name, lines, bytes === undefined ? undefined : { end, bytes }, rate.perSecond))
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
