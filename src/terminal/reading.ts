import { formatDuration, formatRoughly } from '../numbers.js'

/** So long the speed is not known well enough to tell from it what is left. */
const SURE_MS = 1000

/** How far a prompt has been read, in words: `reading 1.2 k of 34 k tokens, 40 s left`. */
export function describeReading(progress: { processed: number; total: number; timeMs: number }): string {
  const { processed, total, timeMs } = progress
  const line = `reading ${formatRoughly(processed)} of ${formatRoughly(total)} tokens`
  if (processed === 0 || processed === total || timeMs < SURE_MS) return line
  return `${line}, ${formatDuration(((total - processed) * timeMs) / processed / 1000)} left`
}
