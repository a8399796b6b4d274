import type { PromptProgress } from '../../api/generation.js'
import type { Model } from '../../api/model.js'
import { inOrder } from '../../ground/in-order.js'
import { useSession } from './reading.js'
import { sequencesAtOnce, withOwnSignal } from './sessions.js'
import { type Window, type WindowOptions, windowsOf } from './windows.js'

/** Tokens of windows under way: two micro-batches, so that the model never waits for the next window. */
const TOKENS_AHEAD = 512

export interface WindowsScore {
  /** Tokens that were predicted. */
  scored: number
  /** Negative log-likelihood of those, in nats. */
  nll: number
}

/**
 * Runs a text through a model in windows, several at once, and adds up their scores in the order of the text. `report`
 * receives the number of tokens that all windows together have reached.
 */
export function scoreWindows(
  model: Model,
  tokens: readonly number[],
  { signal: callers, ...options }: WindowOptions & { signal?: AbortSignal },
  report?: (reached: number) => void,
): Promise<WindowsScore> {
  return withOwnSignal(callers, async (signal) => {
    let reached = 0
    /** End of the last window; windows begin in order. */
    let counted = 0
    /** Gives the log-probabilities of the tokens that a window scores. */
    const scoreWindow = ({ start, end, firstScored }: Window) => {
      let at = counted
      counted = end
      const count = (upTo: number) => {
        if (upTo <= at) return
        reached += upTo - at
        at = upTo
        report?.(reached)
      }
      return useSession(model, async (session) => {
        const wanted = {
          logits: 'none',
          targets: tokens.slice(firstScored, end),
          onPromptProgress: report && (({ processed }: PromptProgress) => count(start + processed)),
          signal,
        } as const
        // The logits of token t predict token t + 1, so the last token need not run.
        const result = firstScored < end ? await session.forward(tokens.slice(start, end - 1), wanted) : undefined
        count(end)
        return result?.logprobs ?? new Float64Array(0)
      })
    }

    const parallel = sequencesAtOnce(options.window, Math.ceil(TOKENS_AHEAD / options.window) + 1)
    const total: WindowsScore = { scored: 0, nll: 0 }
    for await (const logprobs of inOrder(windowsOf(tokens.length, options), scoreWindow, { parallel })) {
      total.scored += logprobs.length
      for (const logprob of logprobs) total.nll -= logprob
    }
    return total
  })
}
