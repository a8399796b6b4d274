import type { PromptProgress } from '../api/generation.js'
import type { Model } from '../api/model.js'
import { inOrder } from '../in-order.js'
import { SessionPool, sequencesAtOnce, withOwnSignal } from './sessions.js'
import type { Window } from './windows.js'

/** Tokens of windows under way: two micro-batches, so that the model never waits for the next window. */
const TOKENS_AHEAD = 512

export interface WindowScore {
  scored: number
  /** Negative log-likelihood of those, in nats. */
  nll: number
}

/**
 * Runs windows of a text through a model, several at once, and scores each. `window` are the tokens of the longest.
 * `report` receives the number of tokens that they together have reached.
 */
export function scoreWindows(
  model: Model,
  tokens: readonly number[],
  windows: readonly Window[],
  { window, signal }: { window: number; signal?: AbortSignal },
  report?: (reached: number) => void,
): Promise<WindowScore[]> {
  return withOwnSignal(signal, (own) => score(model, tokens, windows, { window, signal: own }, report))
}

async function score(
  model: Model,
  tokens: readonly number[],
  windows: readonly Window[],
  { window, signal }: { window: number; signal: AbortSignal },
  report?: (reached: number) => void,
): Promise<WindowScore[]> {
  const sessions = new SessionPool(model)
  let reached = 0
  /** End of the last window; windows begin in order. */
  let counted = 0
  /** Gives the log-probabilities of the tokens that a window scores. */
  const scoreWindow = ({ start, end, firstScored }: Window) => {
    let at = Math.max(start, counted)
    counted = end
    const count = (upTo: number) => {
      if (upTo <= at) return
      reached += upTo - at
      at = upTo
      report?.(reached)
    }
    return sessions.with(async (session) => {
      // The logits of token t predict token t + 1, so the last token need not run.
      const options = {
        logits: 'none',
        targets: tokens.slice(firstScored, end),
        onPromptProgress: report && (({ processed }: PromptProgress) => count(start + processed)),
        signal,
      } as const
      const isScored = firstScored < end
      const result = isScored ? await session.forward(tokens.slice(start, end - 1), options) : undefined
      count(end)
      return result?.logprobs ?? new Float64Array(0)
    })
  }

  const parallel = sequencesAtOnce(window, Math.ceil(TOKENS_AHEAD / window) + 1)
  const scores: WindowScore[] = []
  try {
    for await (const logprobs of inOrder(windows, scoreWindow, { parallel })) {
      let nll = 0
      for (const logprob of logprobs) nll -= logprob
      scores.push({ scored: logprobs.length, nll })
    }
  } finally {
    sessions.dispose()
  }
  return scores
}
