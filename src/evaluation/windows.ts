import { UsageError } from '../errors.js'

/** How a long text is cut into the pieces that a model sees. */
export interface WindowOptions {
  /** Tokens that the model sees at once. */
  window: number
  /** Tokens from one window's beginning to the next one's; at most `window`. */
  stride: number
}

/** A piece of a text: tokens [start, end), of which [firstScored, end) are predicted. */
export interface Window {
  start: number
  end: number
  firstScored: number
}

/**
 * Windows over `tokens` tokens. Each scores what no earlier one has reached, but never its own first token, which has
 * nothing before it. The last one ends with the text.
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
