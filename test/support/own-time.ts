import { readFileSync } from 'node:fs'

/**
 * Milliseconds that a thread of this process has spent, from any beginning, without those in which it was ready to run
 * and other work had all cores. Without Linux's counts, all milliseconds.
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
