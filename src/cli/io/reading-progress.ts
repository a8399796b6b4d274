import type { PromptProgress } from '../../api/generation.js'
import { describeReading } from '../../terminal/reading.js'
import type { OutputOptions } from './output.js'
import { createStatusLine } from './status-line.js'

/** Reading that is done sooner shows nothing. */
const PATIENCE_MS = 1000

/** A line on stderr that tells how far a prompt has been read. */
export interface ReadingProgress {
  show(progress: PromptProgress): void
  /** Takes the line away. Harmless when there is none. */
  clear(): void
}

/** Shows nothing where stderr may not be drawn on, and elsewhere only once the reading has taken a second. */
export function createReadingProgress(options: OutputOptions): ReadingProgress {
  const line = createStatusLine(options)
  if (!line) return { show() {}, clear() {} }
  const started = performance.now()
  let latest: PromptProgress
  let isShown = false
  let waiting: NodeJS.Timeout | undefined
  const begin = () => {
    isShown = true
    line.show(describeReading(latest))
  }
  return {
    show(progress) {
      latest = progress
      if (isShown) line.refresh(() => describeReading(latest))
      else waiting ??= setTimeout(begin, Math.max(0, started + PATIENCE_MS - performance.now()))
    },
    clear() {
      clearTimeout(waiting)
      waiting = undefined
      isShown = false
      line.clear()
    },
  }
}
