import type { Model } from '../generation/types.js'
import { inOrder, Sessions, sequencesAtOnce } from './sessions.js'
import { type Window, type WindowOptions, windowsOf } from './windows.js'

/** Tokens of windows that are under way: two micro-batches, so that the model never waits for the next window. */
const TOKENS_AHEAD = 512

export interface WindowsScore {
  /** Tokens that were predicted. */
  scored: number
  /** Their negative log-likelihood in nats. */
  nll: number
}

/**
 * Runs a text through a model in windows, several of them at once. Their scores are added up in the order of the text.
 * `report` takes how many tokens have been reached, of all windows together.
 */
export async function scoreWindows(
  model: Model,
  tokens: readonly number[],
  options: WindowOptions & { signal?: AbortSignal },
  report?: (reached: number) => void,
): Promise<WindowsScore> {
  const sessions = new Sessions(model)
  let reached = 0
  /** Log-probabilities of a window's tokens; counts those that no window before has reached. */
  const score = ({ start, end, firstScored }: Window) =>
    sessions.with(async (session) => {
      const before = firstScored === start + 1 ? start : firstScored
      let counted = before
      const count = (upTo: number) => {
        if (upTo <= counted) return
        reached += upTo - counted
        counted = upTo
        report?.(reached)
      }
      // Of the last token nothing is asked: the logits of token t predict token t + 1.
      const { logprobs = new Float64Array() } =
        firstScored < end
          ? await session.forward(tokens.slice(start, end - 1), {
              logits: 'none',
              targets: tokens.slice(firstScored, end),
              onPromptProgress: report && (({ processed }) => count(start + processed)),
              signal: options.signal,
            })
          : {}
      count(end)
      return logprobs
    })

  const most = sequencesAtOnce(options.window, Math.ceil(TOKENS_AHEAD / options.window) + 1)
  const total: WindowsScore = { scored: 0, nll: 0 }
  try {
    for await (const logprobs of inOrder(windowsOf(tokens.length, options), most, score)) {
      total.scored += logprobs.length
      for (const logprob of logprobs) total.nll -= logprob
    }
  } finally {
    sessions.dispose()
  }
  return total
}
