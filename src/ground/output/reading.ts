import { formatDuration, formatRoughly } from '../numbers.js'

/** Ms of reading before the speed is known well enough to estimate the time left. */
const SURE_MS = 1000

/** Progress of reading a prompt, in words: `reading 1.2 k of 34 k tokens, 40 s left`. */
export function describeReading(progress: { processed: number; total: number; timeMs: number }): string {
  const { processed, total, timeMs } = progress
  const line = `reading ${formatRoughly(processed)} of ${formatRoughly(total)} tokens`
  if (processed === 0 || processed === total || timeMs < SURE_MS) return line
  return `${line}, ${formatDuration(((total - processed) * timeMs) / processed / 1000)} left`
}
