import { readFileSync } from 'node:fs'

/**
 * Milliseconds of a thread of this process, from any beginning, without its waits for a core. If the system, unlike
 * Linux, reports no waits, they count.
 */
export function ownTime(thread = process.pid): number {
  const now = performance.now()
  try {
    // On a core, in the queue for one, both in nanoseconds.
    const [, queued] = readFileSync(`/proc/self/task/${thread}/schedstat`, 'utf8').split(' ')
    return now - Number(queued) / 1e6
  } catch {
    return now
  }
}
