import type { HeldSession } from '../../engine/session/shared/held-session.js'
import type { ChoiceSpec, PromptRead } from './choice.js'

/**
 * Does work that reads a prompt. While it lasts, and if the request asks for it, yields the latest progress whenever
 * the reader asks for one, so that a slow reader misses some. Returns the result. If the reader leaves early, waits for
 * the end of the work.
 */
export async function* withProgress<T>(
  { prompt, progress: isAsked }: Pick<ChoiceSpec, 'prompt' | 'progress'>,
  { cached: cache }: Pick<HeldSession, 'cached'>,
  work: (onRead: (read: number) => void) => Promise<T>,
): AsyncGenerator<{ progress: PromptRead }, T> {
  const started = performance.now()
  let unread: { progress: PromptRead } | undefined
  let wake = () => {}
  let isOver = false
  const working = work((processed) => {
    if (!isAsked) return
    unread = { progress: { total: prompt.length, cache, processed, timeMs: performance.now() - started } }
    wake()
  })
  const over = () => {
    isOver = true
    wake()
  }
  working.then(over, over)
  try {
    while (!isOver || unread) {
      if (unread) {
        const latest: { progress: PromptRead } = unread
        unread = undefined
        yield latest
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    }
    return await working
  } finally {
    await working.catch(() => undefined)
  }
}
