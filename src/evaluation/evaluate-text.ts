import type { Model } from '../api/model.js'
import { UserError } from '../errors.js'
import type { ModelConfig } from '../model/config.js'
import { plural } from '../numbers.js'
import { checkLanguageModel } from './check-language-model.js'
import { compareOnText } from './compare-on-text.js'
import { encodePlain } from './reading.js'
import { scoreWindows } from './score-windows.js'
import type { NamedText } from './text-file.js'
import { type TextParts, type TextScore, textScore } from './text-score.js'
import { type WindowOptions, windowsOf } from './windows.js'

export interface EvaluateTextOptions extends Partial<WindowOptions> {
  /** Reference to compare with: a second model with the same tokens. The divergence is from its distribution. */
  against?: Model
  onProgress?: (done: { tokens: number; of: number }) => void
  signal?: AbortSignal
}

const DEFAULT_WINDOW = 1024

/** Window and stride in tokens: those given, else the model's. */
export function windowSizes(
  { trainedContext }: Pick<ModelConfig, 'trainedContext'>,
  { window = trainedContext || DEFAULT_WINDOW, stride = window }: Partial<WindowOptions>,
): WindowOptions {
  return { window, stride }
}

/**
 * Measures the perplexity of a text under a model, in windows of `window` tokens (default: the length that the model
 * was trained on) that begin every `stride` tokens (default: the window). No token is put before the text. Rejects with
 * a UserError if the text has fewer than two tokens.
 */
export async function evaluateText(
  model: Model,
  text: NamedText,
  options: EvaluateTextOptions = {},
): Promise<TextScore> {
  return textScore(await scoreText(model, text, options))
}

/** Scores windows of a text, those for which `takes` is true (default: all), as `evaluateText` does. */
export async function scoreText(
  model: Model,
  { name, text }: NamedText,
  options: EvaluateTextOptions & { takes?: (index: number) => boolean } = {},
): Promise<TextParts> {
  checkLanguageModel(model)
  const { against, onProgress, signal } = options
  const { window, stride } = windowSizes(model.config, options)
  const tokens = await encodePlain(model, text, signal)
  if (tokens.length < 2)
    throw new UserError(`${name}: has ${plural(tokens.length, 'token')}; at least 2 are needed to predict any`)
  if (against) await checkSameTokens(model, against, text, tokens)

  const all = [...windowsOf(tokens.length, { window, stride })]
  const { takes = () => true } = options
  const indices = [...all.keys()].filter(takes)
  const windows = indices.map((index) => all[index])
  const of = windows.reduce((sum, { start, end }, i) => sum + end - Math.max(start, windows[i - 1]?.end ?? 0), 0)
  const report = (reached: number) => onProgress?.({ tokens: reached, of })
  const scores = against
    ? await compareOnText(model, against, tokens, windows, { signal }, report)
    : await scoreWindows(model, tokens, windows, { window, signal }, onProgress && report)
  const counts = { tokens: tokens.length, bytes: Buffer.byteLength(text), windows: all.length }
  return { file: name, ...counts, scores: scores.map((score, i) => ({ window: indices[i], ...score })) }
}

async function checkSameTokens(model: Model, against: Model, text: string, tokens: readonly number[]): Promise<void> {
  checkLanguageModel(against)
  const others = await encodePlain(against, text)
  const same = others.length === tokens.length && others.every((id, i) => id === tokens[i])
  if (same && model.config.vocabSize === against.config.vocabSize) return
  throw new UserError(`${against.name} has other tokens than ${model.name}, so their predictions cannot be compared`)
}
