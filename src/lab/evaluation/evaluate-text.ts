import type { Model } from '../../api/model.js'
import { UserError } from '../../ground/errors.js'
import { plural } from '../../ground/numbers.js'
import { checkLanguageModel } from '../../insight/texts/check-language-model.js'
import { encodePlain } from '../../insight/texts/reading.js'
import type { NamedText } from '../../insight/texts/text-file.js'
import { type Agreement, compareOnText } from './compare-on-text.js'
import { scoreWindows, type WindowOptions } from './score-windows.js'

export interface EvaluateTextOptions extends Partial<WindowOptions> {
  /** Reference to compare with: a second model with the same tokens. The divergence is from its distribution. */
  against?: Model
  onProgress?: (done: { tokens: number; of: number }) => void
  signal?: AbortSignal
}

export interface TextScore {
  file: string
  tokens: number
  /** Tokens that were predicted. */
  scored: number
  /** Negative log-likelihood of those, in nats. */
  nll: number
  /** e^(nll / scored). */
  perplexity: number
  /** nll in bits, divided by the bytes of the text: comparable between models with different tokenizers. */
  bitsPerByte: number
  /** How well the reference predicts the text, and how far the model agrees with it. */
  against?: Agreement & Pick<TextScore, 'nll' | 'perplexity' | 'bitsPerByte'>
}

/** Window in tokens if neither the caller nor the model gives one. */
const DEFAULT_WINDOW = 1024

/**
 * Measures the perplexity of a text under a model, in windows of `window` tokens (default: the length that the model
 * was trained on) that begin every `stride` tokens (default: the window). No token is put before the text. Rejects with
 * a UserError if the text has fewer than two tokens.
 */
export async function evaluateText(
  model: Model,
  { name, text }: NamedText,
  options: EvaluateTextOptions = {},
): Promise<TextScore> {
  checkLanguageModel(model)
  const { window = model.config.trainedContext || DEFAULT_WINDOW, against, onProgress, signal } = options
  const windows = { window, stride: options.stride ?? window, signal }
  const tokens = await encodePlain(model, text, signal)
  if (tokens.length < 2)
    throw new UserError(`${name}: has ${plural(tokens.length, 'token')}; at least 2 are needed to predict any`)
  if (against) await checkSameTokens(model, against, text, tokens)

  const report = (reached: number) => onProgress?.({ tokens: reached, of: tokens.length })
  const { scored, nll, againstNll, agreement } = against
    ? await compareOnText(model, against, tokens, windows, report)
    : { ...(await scoreWindows(model, tokens, windows, onProgress && report)), againstNll: 0, agreement: undefined }
  const bytes = Buffer.byteLength(text)
  const measures = (sum: number) => {
    return { nll: sum, perplexity: Math.exp(sum / scored), bitsPerByte: sum / Math.LN2 / bytes }
  }
  return {
    ...{ file: name, tokens: tokens.length, scored, ...measures(nll) },
    ...(agreement && { against: { ...measures(againstNll), ...agreement } }),
  }
}

async function checkSameTokens(model: Model, against: Model, text: string, tokens: readonly number[]): Promise<void> {
  checkLanguageModel(against)
  const others = await encodePlain(against, text)
  const same = others.length === tokens.length && others.every((id, i) => id === tokens[i])
  if (same && model.config.vocabSize === against.config.vocabSize) return
  throw new UserError(`${against.name} has other tokens than ${model.name}, so their predictions cannot be compared`)
}
