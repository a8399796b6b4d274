import { UserError } from '../../../ground/errors.js'
import { PAGE_ROWS } from '../../../kernels/abi/formats.js'
import type { Span } from './page-table.js'

/** Positions of a saved cache, and of its checkpoints in rising order. */
export interface SavedPositions extends Span {
  checkpoints: readonly number[]
}

/** Throws a UserError if no cache can have these positions. One that does not need checkpoints has none. */
export function checkPositions({ start, end, checkpoints }: SavedPositions, needsCheckpoints: boolean): void {
  const isSpan = Number.isInteger(start) && Number.isInteger(end) && start >= 0 && start <= end
  const areRising = checkpoints.every((position, i) => {
    const isRising = Number.isInteger(position) && position > (checkpoints[i - 1] ?? start) && position <= end
    return needsCheckpoints && isRising
  })
  if (!isSpan || !areRising) throw new UserError('the saved cache does not fit its tokens')
}

/**
 * Positions whose rows are saved, rising and without overlaps. Those of a window are whole pages, since a cache takes
 * all rows of its pages for valid.
 */
export function savedSpans(window: number | undefined, { start, end, checkpoints }: SavedPositions): Span[] {
  if (!window) return [{ start, end }]
  const spans: Span[] = []
  for (const position of [...checkpoints.filter((position) => position < end), end]) {
    const from = Math.max(start, Math.floor((position - window + 1) / PAGE_ROWS) * PAGE_ROWS)
    const to = Math.min(end, Math.ceil(position / PAGE_ROWS) * PAGE_ROWS)
    const last = spans[spans.length - 1]
    if (last && from <= last.end) last.end = Math.max(last.end, to)
    else spans.push({ start: from, end: to })
  }
  return spans
}
