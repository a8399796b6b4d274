import type { PromptProgress } from '../../api/generation.js'
import { describeReading } from '../../ground/output/reading.js'
import type { OutputOptions } from './output.js'
import { createStatusLine } from './status-line.js'

/** Ms before the line appears; shorter reading shows nothing. */
const PATIENCE_MS = 1000

/** A status line with the progress of reading a prompt. */
export interface ReadingProgress {
  show(progress: PromptProgress): void
  /** Removes the line, if there is one. */
  clear(): void
}

/** Creates a line that appears after a second. Shows nothing if status lines may not be drawn. */
export function createReadingProgress(options: OutputOptions): ReadingProgress {
  const line = createStatusLine(options)
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
