import type { Model } from '../api/model.js'
import { logSumExp } from '../sampling/logprobs.js'
import { divergence, indexOfLargest } from './probabilities.js'
import type { WindowsScore } from './score-windows.js'
import { windowLogits } from './window-logits.js'
import type { WindowOptions } from './windows.js'

/** How alike two models predict a text. */
export interface Agreement {
  /** Mean over the scored tokens of KL(reference || model), in nats. */
  klDivergence: number
  /** Share of the scored tokens for which both models find the same token likeliest. */
  top1Agreement: number
}

/** Scores a text as `scoreWindows` does, and compares the model's distributions with a reference's. */
export async function compareOnText(
  model: Model,
  against: Model,
  tokens: readonly number[],
  windows: WindowOptions & { signal?: AbortSignal },
  report: (reached: number) => void,
): Promise<WindowsScore & { agreement: Agreement }> {
  const reference = windowLogits(against, tokens, windows)
  let scored = 0
  let nll = 0
  let sum = 0
  let same = 0
  try {
    for await (const { first, count, row } of windowLogits(model, tokens, windows)) {
      const other = (await reference.next()).value
      if (!other) break
      for (let i = 0; i < count; i++) {
        const [logits, expected] = [row(i), other.row(i)]
        const norm = logSumExp(logits)
        nll -= logits[tokens[first + i]] - norm
        sum += divergence(expected, logits, norm)
        if (indexOfLargest(expected) === indexOfLargest(logits)) same++
      }
      scored += count
      report(first + count)
    }
  } finally {
    await reference.return(undefined)
  }
  return { scored, nll, agreement: { klDivergence: sum / scored, top1Agreement: same / scored } }
}
