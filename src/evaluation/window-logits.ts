import type { Model } from '../api/model.js'
import type { Window } from './windows.js'

/** Logits for consecutive tokens of a text: row i predicts token `first` + i from the tokens before it. */
export interface LogitRows {
  /** Index of their window. */
  index: number
  first: number
  count: number
  row(i: number): Float32Array
}

/** Maximum bytes of logits held at once; with a large vocabulary a row is large. */
const LOGIT_BYTES = 64 * 2 ** 20
const MOST_ROWS = 256

/** Runs windows of a text through a model, one after the other, and yields the logits for every scored token. */
export async function* windowLogits(
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
