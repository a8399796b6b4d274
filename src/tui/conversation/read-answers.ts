import type { PromptProgress } from '../../api/generation.js'
import type { LayerRoutes } from '../../api/routes.js'
import type { Session } from '../../api/session.js'
import { routesOfToken } from '../../experts/token-routes.js'
import type { LocatedAnswers } from './locate-answers.js'

export interface ReadOptions {
  onProgress?: (progress: PromptProgress) => void
  /** Aborting it rejects, and leaves fewer tokens in the cache. */
  signal?: AbortSignal
}

/** Answers whose tokens were read again. The functions take the index of a token from `from` on. */
export interface ReadAnswers extends LocatedAnswers {
  routesOf(token: number): LayerRoutes[]
  /** Natural logarithm of the token's probability; 0 for the first. */
  logprobOf(token: number): number
}

/** Reads the tokens from `from` on again, with their experts, and those before them that the cache lacks. */
export async function readAnswers(
  session: Session,
  located: LocatedAnswers,
  { onProgress, signal }: ReadOptions,
): Promise<ReadAnswers> {
  const { ids, from } = located
  const kept = session.truncateToCommon(ids.slice(0, from + 1))
  const before = ids.slice(kept, from)
  const progressAfter =
    (done: number) =>
    ({ processed, timeMs }: PromptProgress) => {
      onProgress?.({ processed: done + processed, total: ids.length - kept, timeMs })
    }
  const options = { logits: 'none', signal } as const
  if (before.length > 0) await session.forward(before, { ...options, onPromptProgress: progressAfter(0) })
  const reports = { ...options, routes: true, probabilities: true } as const
  // No id follows the last token: it runs alone.
  const seen = ids.slice(from, -1)
  const onPromptProgress = progressAfter(before.length)
  const read = await session.forward(seen, { ...reports, targets: ids.slice(from + 1), onPromptProgress })
  const { routes: last } = await session.forward(ids.slice(-1), reports)
  const isLast = (token: number) => token === ids.length - 1
  return {
    ...located,
    routesOf: (token) =>
      isLast(token) ? last : read.routes.map((layer) => routesOfToken(layer, token - from, seen.length)),
    logprobOf: (token) => read.logprobs?.[token - from - 1] ?? 0,
  }
}
