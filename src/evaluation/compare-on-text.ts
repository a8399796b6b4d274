import type { Model } from '../api/model.js'
import { logSumExp } from '../sampling/logprobs.js'
import { divergence, indexOfLargest } from './probabilities.js'
import type { WindowScore } from './score-windows.js'
import type { Window } from './windows.js'

export interface Agreement {
  /** Mean over the scored tokens of KL(reference || model), in nats. */
  klDivergence: number
  /** Share of the scored tokens for which both models find the same token likeliest. */
  top1Agreement: number
}

/** The score of a window, and its agreement with a reference: sums over the scored tokens. */
export interface ComparedWindow extends WindowScore {
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

/** Logits for consecutive tokens of a text: row i predicts token `first` + i from the tokens before it. */
interface LogitRows {
  index: number
  first: number
  count: number
  row(i: number): Float32Array
}

/** Maximum bytes of logits held at once; with a large vocabulary a row is large. */
const LOGIT_BYTES = 64 * 2 ** 20
const MOST_ROWS = 256

/** Runs windows of a text through a model, one after the other, and yields the logits for every scored token. */
async function* windowLogits(
  model: Model,
  tokens: readonly number[],
  windows: readonly Window[],
  signal?: AbortSignal,
): AsyncGenerator<LogitRows> {
  const { vocabSize } = model.config
  const most = Math.max(1, Math.min(MOST_ROWS, Math.floor(LOGIT_BYTES / (4 * vocabSize))))
  const session = model.createSession()
  try {
    for (const [index, { start, end, firstScored }] of windows.entries()) {
      if (firstScored >= end) continue
      session.reset()
      // The logits of token t predict token t + 1.
      const firstRow = firstScored - 1
      if (firstRow > start) await session.forward(tokens.slice(start, firstRow), { logits: 'none', signal })
      for (let from = firstRow; from < end - 1; from += most) {
        const to = Math.min(from + most, end - 1)
        const { logits } = await session.forward(tokens.slice(from, to), { logits: 'all', signal })
        const row = (i: number) => logits.subarray(i * vocabSize, (i + 1) * vocabSize)
        yield { index, first: from + 1, count: to - from, row }
      }
    }
  } finally {
    session.dispose()
  }
}
