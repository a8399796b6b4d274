import type { Model } from '../../api/model.js'
import type { LayerRoutes } from '../../api/routes.js'
import type { Session } from '../../api/session.js'
import { type TokenLogprob, topLogprobs } from '../../engine/sampling/logprobs.js'
import { routesOfToken } from '../../insight/usage/token-routes.js'

/** A token with the natural logarithm of its probability; null for the first of a prompt, which nothing predicts. */
export interface ScoredToken {
  token: number
  logprob: number | null
  /** Likeliest tokens at its position, in falling order; empty for the first. */
  top: TokenLogprob[]
}

export interface ReadOptions {
  /** Score the tokens, and report this number of likeliest ones at each position. */
  top?: number
  /** Report the experts of each token. */
  routes: boolean
  signal: AbortSignal
  /** Receives the number of tokens read so far, first 0 and at last all. */
  onRead?: (read: number) => void
}

export interface ReadPrompt {
  scores?: ScoredToken[]
  /** Per token, per layer. */
  routes?: LayerRoutes[][]
}

/** Maximum bytes of logits held at once: a row is as large as the vocabulary. */
const LOGIT_BYTES = 16 * 2 ** 20
const MOST_ROWS = 256

/**
 * Runs a prompt in a new session; returns its tokens' scores and experts as asked for. The last token is run only for its
 * experts, since it predicts nothing in the prompt.
 */
export async function readPrompt(
  model: Model,
  session: Session,
  prompt: readonly number[],
  { top, routes: wantsRoutes, signal, onRead }: ReadOptions,
): Promise<ReadPrompt> {
  const { vocabSize } = model.config
  const scores: ScoredToken[] = [{ token: prompt[0], logprob: null, top: [] }]
  const routes: LayerRoutes[][] = []
  const most = top === undefined ? MOST_ROWS : Math.max(1, Math.min(MOST_ROWS, LOGIT_BYTES / (4 * vocabSize)))
  const end = wantsRoutes ? prompt.length : prompt.length - 1
  onRead?.(0)
  for (let from = 0; from < end; from += Math.floor(most)) {
    const tokens = prompt.slice(from, Math.min(from + Math.floor(most), end))
    // The last token has no successor. Its own id serves as a target, whose score is ignored.
    const targets = top === undefined ? undefined : tokens.map((token, i) => prompt[from + i + 1] ?? token)
    const logits = top === undefined ? 'none' : 'all'
    const result = await session.forward(tokens, { logits, targets, routes: wantsRoutes, signal })
    const to = from + tokens.length
    onRead?.(to < end ? to : prompt.length)
    for (let i = 0; i < tokens.length; i++) {
      const own = result.routes?.map((layer) => routesOfToken(layer, i, tokens.length))
      if (own) routes.push(own)
      const next = prompt[from + i + 1]
      if (top === undefined || next === undefined) continue
      const logprob = result.logprobs?.[i] ?? Number.NaN
      const row = result.logits.subarray(i * vocabSize, (i + 1) * vocabSize)
      // The same normalizer, so that the likeliest token has the same log-probability in both lists.
      scores.push({ token: next, logprob, top: topLogprobs(row, top, result.norms?.[i]) })
    }
  }
  return { ...(top !== undefined && { scores }), ...(wantsRoutes && { routes }) }
}
