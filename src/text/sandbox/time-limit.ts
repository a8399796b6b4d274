import { computedMs } from '../../platform/computed-time.js'

/** Factor of the limit after which a process ends even if a busy machine has let it compute less. */
export const MOST_WAITS = 4
/** Minimum ms between two checks of a process. */
const LOOK_MS = 10

/**
 * Calls `end` when a process has computed for `milliseconds` from now on, or after MOST_WAITS times that. If the system
 * does not report the time computed, elapsed time counts. `hasComputed`: the process is known to have used its time.
 * Returns a function that stops watching. Watching does not keep this process alive.
 */
export function atLimit(
  pid: number | undefined,
  milliseconds: number,
  end: (hasComputed: boolean) => void,
): () => void {
  const begun = { at: performance.now(), computed: computedMs(pid) }
  const look = () => {
    const computed = computedMs(pid) - begun.computed
    const waited = performance.now() - begun.at
    const left = Math.min(milliseconds - computed, MOST_WAITS * milliseconds - waited)
    if (left > 0) timer = setTimeout(look, Math.max(left, LOOK_MS)).unref()
    else end(computed >= milliseconds)
  }
  let timer = setTimeout(look, milliseconds).unref()
  return () => clearTimeout(timer)
}
