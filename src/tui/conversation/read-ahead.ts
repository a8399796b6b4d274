import type { Session } from '../../api/session.js'
import type { AnswerWatcher } from './running-answer.js'

/** Maximum tokens at the end of a question whose experts are reported. */
const LOOKED_AT = 256

interface ReadAheadOptions {
  /** Number of tokens at the end whose experts were not reported before. */
  unreported: number
  watcher: AnswerWatcher
  signal?: AbortSignal
  /** Limit of the tokens that count. */
  context?: number
}

/** Runs new tokens, and reports the experts of the last ones. Returns the tokens that are left to run. */
export async function readAhead(
  session: Session,
  fresh: readonly number[],
  { unreported, watcher, signal, context }: ReadAheadOptions,
): Promise<number[]> {
  // Only a generation can limit the context.
  if (context !== undefined) return [...fresh]
  const seen = fresh.slice(fresh.length - Math.min(LOOKED_AT, unreported))
  const unseen = fresh.slice(0, fresh.length - seen.length)
  const options = { logits: 'none', signal } as const
  if (unseen.length > 0) {
    await session.forward(unseen, { ...options, onPromptProgress: (progress) => watcher.progress(progress) })
  }
  if (seen.length === 0) return []
  const { routes } = await session.forward(seen, { ...options, routes: true, probabilities: true })
  watcher.read(seen, routes)
  return []
}
