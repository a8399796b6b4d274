import type { Model } from '../../api/model.js'
import { logSumExp } from '../../engine/sampling/logprobs.js'
import { divergence, indexOfLargest } from './probabilities.js'
import { type WindowOptions, type WindowsScore, windowsOf } from './score-windows.js'

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
): Promise<WindowsScore & { againstNll: number; agreement: Agreement }> {
  const reference = windowLogits(against, tokens, windows)
  let [scored, nll, againstNll, sum, same] = [0, 0, 0, 0, 0]
  try {
    for await (const { first, count, row } of windowLogits(model, tokens, windows)) {
      const other = (await reference.next()).value
      if (!other) break
      for (let i = 0; i < count; i++) {
        const [logits, expected] = [row(i), other.row(i)]
        const norm = logSumExp(logits)
        const referenceNorm = logSumExp(expected)
        nll -= logits[tokens[first + i]] - norm
        againstNll -= expected[tokens[first + i]] - referenceNorm
        sum += divergence(expected, logits, norm, referenceNorm)
        if (indexOfLargest(expected) === indexOfLargest(logits)) same++
      }
      scored += count
      report(first + count)
    }
  } finally {
    await reference.return(undefined)
  }
  return { scored, nll, againstNll, agreement: { klDivergence: sum / scored, top1Agreement: same / scored } }
}

/** Logits for consecutive tokens of a text: row i predicts token `first` + i from the tokens before it. */
interface LogitRows {
  first: number
  count: number
  row(i: number): Float32Array
}

/** Maximum bytes of logits held at once; with a large vocabulary a row is large. */
const LOGIT_BYTES = 64 * 2 ** 20
const MOST_ROWS = 256

/** Runs a text through a model, window after window, and yields the logits for every scored token, in order. */
async function* windowLogits(
  model: Model,
  tokens: readonly number[],
  options: WindowOptions & { signal?: AbortSignal },
): AsyncGenerator<LogitRows> {
  const { signal } = options
  const { vocabSize } = model.config
  const most = Math.max(1, Math.min(MOST_ROWS, Math.floor(LOGIT_BYTES / (4 * vocabSize))))
  const session = model.createSession()
  try {
    for (const { start, end, firstScored } of windowsOf(tokens.length, options)) {
      if (firstScored >= end) continue
      session.reset()
      // The logits of token t predict token t + 1.
      const firstRow = firstScored - 1
      if (firstRow > start) await session.forward(tokens.slice(start, firstRow), { logits: 'none', signal })
      for (let from = firstRow; from < end - 1; from += most) {
        const to = Math.min(from + most, end - 1)
        const { logits } = await session.forward(tokens.slice(from, to), { logits: 'all', signal })
        const row = (i: number) => logits.subarray(i * vocabSize, (i + 1) * vocabSize)
        yield { first: from + 1, count: to - from, row }
      }
    }
  } finally {
    session.dispose()
  }
}
