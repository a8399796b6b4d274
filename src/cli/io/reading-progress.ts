import type { PromptProgress } from '../../api/generation.js'
import { describeReading } from '../../terminal/reading.js'
import { createStatusLine } from './status-line.js'

/** Reading that is done sooner shows nothing. */
const PATIENCE_MS = 1000
/** So often the line is drawn at most. */
const REDRAW_MS = 100

/** A line on stderr that tells how far a prompt has been read. */
export interface ReadingProgress {
  show(progress: PromptProgress): void
  /** Takes the line away. Harmless when there is none. */
  clear(): void
}

/** Shows nothing where stderr may not be drawn on, and elsewhere only once the reading has taken a second. */
export function createReadingProgress(options: { color?: boolean; quiet?: boolean }): ReadingProgress {
  const line = createStatusLine(options)
  if (!line) return { show() {}, clear() {} }
  const started = performance.now()
  let latest: PromptProgress
  let drawnAt: number | undefined
  let waiting: NodeJS.Timeout | undefined
  const draw = () => {
    line.show(describeReading(latest))
    drawnAt = performance.now()
  }
  return {
    show(progress) {
      latest = progress
      if (drawnAt !== undefined) {
        if (performance.now() - drawnAt >= REDRAW_MS) draw()
      } else waiting ??= setTimeout(draw, Math.max(0, started + PATIENCE_MS - performance.now()))
    },
    clear() {
      clearTimeout(waiting)
      waiting = undefined
      drawnAt = undefined
      line.clear()
    },
  }
}
