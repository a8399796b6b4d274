import type { PromptProgress } from '../generation/types.js'
import { describeReading } from '../terminal/reading.js'
import { mayAnimate } from './output.js'

/** Reading that is done sooner shows nothing. */
const PATIENCE_MS = 1000

/** A line on stderr that tells how far a prompt has been read. */
export interface ReadingProgress {
  show(progress: PromptProgress): void
  /** Takes the line away. Harmless when there is none. */
  clear(): void
}

/** Draws on stderr when that is a terminal that may be drawn on, and only once the reading has taken a second. */
export function createReadingProgress(options: { color?: boolean; quiet?: boolean }): ReadingProgress {
  if (!mayAnimate(options)) return { show() {}, clear() {} }
  const started = performance.now()
  let latest: PromptProgress
  let isDrawn = false
  let waiting: NodeJS.Timeout | undefined
  const draw = () => {
    const room = (process.stderr.columns || 80) - 1
    process.stderr.write(`\r\x1b[K${describeReading(latest).slice(0, room)}`)
    isDrawn = true
  }
  return {
    show(progress) {
      latest = progress
      if (isDrawn) draw()
      else waiting ??= setTimeout(draw, Math.max(0, started + PATIENCE_MS - performance.now()))
    },
    clear() {
      clearTimeout(waiting)
      waiting = undefined
      if (isDrawn) process.stderr.write('\r\x1b[K')
      isDrawn = false
    },
  }
}
