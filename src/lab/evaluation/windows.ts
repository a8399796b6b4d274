import { UsageError } from '../../ground/errors.js'

export interface WindowOptions {
  window: number
  /** Tokens between the beginnings of two windows; at most `window`. */
  stride: number
}

/** A piece of a text: the model sees tokens [start, end) and predicts [firstScored, end). */
export interface Window {
  start: number
  end: number
  firstScored: number
}

/**
 * Yields the windows over `tokens` tokens. Each scores the tokens that no earlier window has reached, except its own
 * first token, which has no context. The last window ends with the text.
 */
export function* windowsOf(tokens: number, { window, stride }: WindowOptions): Generator<Window> {
  if (!Number.isInteger(window) || window < 2) throw new UsageError('`window` must be a whole number from 2 on')
  if (!Number.isInteger(stride) || stride < 1 || stride > window) {
    throw new UsageError(`\`stride\` must be a whole number from 1 to the window's ${window}`)
  }
  let reached = 0
  for (let start = 0; reached < tokens; start += stride) {
    const end = Math.min(start + window, tokens)
    yield { start, end, firstScored: Math.max(reached, start + 1) }
    reached = end
  }
}
