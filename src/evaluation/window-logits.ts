import type { Model } from '../api/model.js'
import { type WindowOptions, windowsOf } from './windows.js'

/** Logits for consecutive tokens of a text: row i predicts token `first` + i from the tokens before it. */
export interface LogitRows {
  first: number
  count: number
  row(i: number): Float32Array
}

/** Maximum bytes of logits held at once; with a large vocabulary a row is large. */
const LOGIT_BYTES = 64 * 2 ** 20
const MOST_ROWS = 256

/** Runs a text through a model, window after window, and yields the logits for every scored token, in order. */
export async function* windowLogits(
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
