import type { Model } from '../api/model.js'
import { logSumExp } from '../sampling/logprobs.js'
import { divergence, indexOfLargest } from './probabilities.js'
import type { WindowScore } from './score-windows.js'
import { windowLogits } from './window-logits.js'
import type { Window } from './windows.js'

/** How alike two models predict a text. */
export interface Agreement {
  /** Mean over the scored tokens of KL(reference || model), in nats. */
  klDivergence: number
  /** Share of the scored tokens for which both models find the same token likeliest. */
  top1Agreement: number
}

/** The score of a window, and its agreement with a reference: sums over the scored tokens. */
export interface ComparedWindow extends WindowScore {
  /** Sum of the divergences, in nats. */
  divergence: number
  /** Number of tokens for which both models find the same token likeliest. */
  same: number
}

/** Scores windows of a text as `scoreWindows` does, and compares the model's distributions with a reference's. */
export async function compareOnText(
  model: Model,
  against: Model,
  tokens: readonly number[],
  windows: readonly Window[],
  { signal }: { signal?: AbortSignal },
  report: (reached: number) => void,
): Promise<ComparedWindow[]> {
  const scores = windows.map((): ComparedWindow => ({ scored: 0, nll: 0, divergence: 0, same: 0 }))
  const reference = windowLogits(against, tokens, windows, signal)
  let reached = 0
  let counted = 0
  try {
    for await (const { index, first, count, row } of windowLogits(model, tokens, windows, signal)) {
      const other = (await reference.next()).value
      if (!other) break
      const score = scores[index]
      for (let i = 0; i < count; i++) {
        const [logits, expected] = [row(i), other.row(i)]
        const norm = logSumExp(logits)
        score.nll -= logits[tokens[first + i]] - norm
        score.divergence += divergence(expected, logits, norm)
        if (indexOfLargest(expected) === indexOfLargest(logits)) score.same++
      }
      score.scored += count
      reached += first + count - Math.max(counted, windows[index].start)
      counted = first + count
      report(reached)
    }
  } finally {
    await reference.return(undefined)
  }
  return scores
}
