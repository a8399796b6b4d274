import type { Model } from '../api/model.js'
import { UserError } from '../errors.js'
import type { ModelConfig } from '../model/config.js'
import { plural } from '../numbers.js'

/** A text to calibrate with. */
export interface CalibrationText {
  /** Name in the packed file and in errors, usually its file. */
  name: string
  text: string
}

/** Tokens that are read together; each window begins without context. A micro-batch of the engine. */
export const WINDOW = 256

/** Fewest tokens of a text: with fewer, most experts would see almost none. */
const LEAST_TOKENS = 2 * WINDOW

/** Most tokens, and most bytes that the inputs of a layer take. */
const MOST_TOKENS = 16384
const MOST_BYTES = 256 * 2 ** 20

/**
 * Windows of the texts' tokens, at most as many as `mostTokens` allows: then windows at even distances. Rejects with a
 * UserError if the texts are too short together.
 */
export async function textWindows(
  model: Model,
  texts: readonly CalibrationText[],
  signal?: AbortSignal,
): Promise<Int32Array[]> {
  const windows: Int32Array[] = []
  for (const { text } of texts) {
    const tokens = Int32Array.from(await model.tokenizer.encodeAsync(text, { addSpecialTokens: false, signal }))
    for (let start = 0; start < tokens.length; start += WINDOW) windows.push(tokens.subarray(start, start + WINDOW))
  }
  const count = windows.reduce((sum, { length }) => sum + length, 0)
  if (count < LEAST_TOKENS) {
    const names = texts.map(({ name }) => name).join(', ')
    throw new UserError(`${names}: ${plural(count, 'token')} are too few to calibrate; give at least ${LEAST_TOKENS}`)
  }
  const most = Math.floor(mostTokens(model.config) / WINDOW)
  if (windows.length <= most) return windows
  return Array.from({ length: most }, (_, i) => windows[Math.floor((i * windows.length) / most)])
}

/** Most tokens that a model reads to be calibrated: those whose inputs of a layer fit MOST_BYTES. */
export function mostTokens({ width, mixtures }: ModelConfig): number {
  // The residual stream, the two inputs made of it, attention's output, and what the chosen experts have inside.
  const inside = mixtures.reduce((sum, { topK }) => sum + topK * width, 0)
  const tokens = Math.floor(MOST_BYTES / (4 * (5 * width + inside)))
  return Math.max(LEAST_TOKENS, Math.min(MOST_TOKENS, Math.floor(tokens / WINDOW) * WINDOW))
}
