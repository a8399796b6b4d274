import type { PromptProgress } from '../../api/generation.js'
import type { Model } from '../../api/model.js'
import { UsageError } from '../../ground/errors.js'
import { inOrder } from '../../ground/in-order.js'
import { option, phrase } from '../../ground/message.js'
import { sequencesAtOnce, useSession, withOwnSignal } from './reading.js'

/** Tokens of windows under way: two micro-batches, so that the model never waits for the next window. */
const TOKENS_AHEAD = 512

export interface WindowOptions {
  window: number
  /** Tokens between the beginnings of two windows; at most `window`. */
  stride: number
}

/** A piece of a text: the model sees tokens [start, end) and predicts [firstScored, end). */
interface Window {
  start: number
  end: number
  firstScored: number
}

/**
 * Yields the windows over `tokens` tokens. Each scores the tokens that no earlier window has reached, except its own
 * first token, which has no context. The last window ends with the text.
 */
export function* windowsOf(tokens: number, { window, stride }: WindowOptions): Generator<Window> {
  if (!Number.isInteger(window) || window < 2)
    throw new UsageError(phrase`${option('window')} must be a whole number from 2 on`)
  if (!Number.isInteger(stride) || stride < 1 || stride > window) {
    throw new UsageError(phrase`${option('stride')} must be a whole number from 1 to the window's ${window}`)
  }
  let reached = 0
  for (let start = 0; reached < tokens; start += stride) {
    const end = Math.min(start + window, tokens)
    yield { start, end, firstScored: Math.max(reached, start + 1) }
    reached = end
  }
}

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
