import type { Model } from '../api/model.js'
import { logSumExp } from '../sampling/logprobs.js'
import type { Agreement } from './evaluate-text.js'
import { divergence, indexOfLargest } from './log-probability.js'
import { predictions } from './predictions.js'
import type { WindowsScore } from './score-windows.js'
import type { WindowOptions } from './windows.js'

/** Scores a text as `scoreWindows` does, and compares all that a model predicts with what a reference predicts. */
export async function compareOnText(
  model: Model,
  against: Model,
  tokens: readonly number[],
  windows: WindowOptions & { signal?: AbortSignal },
  report: (reached: number) => void,
): Promise<WindowsScore & { agreement: Agreement }> {
  const reference = predictions(against, tokens, windows)
  let scored = 0
  let nll = 0
  let sum = 0
  let same = 0
  try {
    for await (const { first, count, row } of predictions(model, tokens, windows)) {
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
