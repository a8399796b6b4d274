import type { Model } from '../../api/model.js'
import type { LayerRoutes } from '../../api/routes.js'
import type { Session } from '../../api/session.js'
import { routesOfToken } from '../../experts/token-routes.js'
import { type TokenLogprob, topLogprobs } from '../../sampling/logprobs.js'

/** A token with the logarithm of its probability after those before it; null for the first, which nothing predicts. */
export interface ScoredToken {
  token: number
  logprob: number | null
  /** The likeliest tokens in its place, falling; empty for the first. */
  top: TokenLogprob[]
}

export interface ReadOptions {
  /** Score the tokens, with so many of the likeliest in the place of each. */
  top?: number
  /** Tell the experts of each token. */
  routes: boolean
  signal: AbortSignal
}

export interface ReadPrompt {
  scores?: ScoredToken[]
  /** Of each token, layer by layer. */
  routes?: LayerRoutes[][]
}

/** Logits held at once at most; a large vocabulary makes a row of them large. */
const LOGIT_BYTES = 16 * 2 ** 20
const MOST_ROWS = 256

/**
 * Runs a prompt in a new session, and tells what is wanted of each of its tokens. The last one is run for its experts
 * only: nothing of the prompt is predicted from it.
 */
export async function readPrompt(
  model: Model,
  session: Session,
  prompt: readonly number[],
  { top, routes: wantsRoutes, signal }: ReadOptions,
): Promise<ReadPrompt> {
  const { vocabSize } = model.config
  const scores: ScoredToken[] = [{ token: prompt[0], logprob: null, top: [] }]
  const routes: LayerRoutes[][] = []
  const most = top === undefined ? MOST_ROWS : Math.max(1, Math.min(MOST_ROWS, LOGIT_BYTES / (4 * vocabSize)))
  const end = wantsRoutes ? prompt.length : prompt.length - 1
  for (let from = 0; from < end; from += Math.floor(most)) {
    const tokens = prompt.slice(from, Math.min(from + Math.floor(most), end))
    // Nothing stands after the last token; what is told of it is not looked at.
    const targets = top === undefined ? undefined : tokens.map((token, i) => prompt[from + i + 1] ?? token)
    const logits = top === undefined ? 'none' : 'all'
    const result = await session.forward(tokens, { logits, targets, routes: wantsRoutes, signal })
    for (let i = 0; i < tokens.length; i++) {
      const own = result.routes?.map((layer) => routesOfToken(layer, i, tokens.length))
      if (own) routes.push(own)
      const next = prompt[from + i + 1]
      if (top === undefined || next === undefined) continue
      const logprob = result.logprobs?.[i] ?? Number.NaN
      const row = result.logits.subarray(i * vocabSize, (i + 1) * vocabSize)
      // One normalizer for all, so that the likeliest token has the same log-probability in both places.
      scores.push({ token: next, logprob, top: topLogprobs(row, top, result.norms?.[i]) })
    }
  }
  return { ...(top !== undefined && { scores }), ...(wantsRoutes && { routes }) }
}
