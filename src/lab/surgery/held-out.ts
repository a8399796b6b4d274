import type { Model } from '../../api/model.js'
import { UserError } from '../../ground/errors.js'
import { encodePlain, encodeTexts } from '../../insight/texts/reading.js'
import type { NamedText } from '../../insight/texts/text-file.js'
import { type EvaluateTextOptions, evaluateText } from '../evaluation/evaluate-text.js'

export interface SplitTexts {
  calibration: NamedText[]
  heldOut: NamedText[]
}

const CALIBRATION_SHARE = 3 / 4
/** Minimum tokens for calibration: a token wakes only a few experts, so fewer say too little. */
const LEAST_TOKENS = 256

/** Holds out the last quarter of each text, cut at the beginning of a line or word. */
export function splitTexts(texts: readonly NamedText[]): SplitTexts {
  const split = texts.map(({ name, text }) => {
    const cut = cutBefore(text, Math.floor(text.length * CALIBRATION_SHARE))
    return { calibration: { name, text: text.slice(0, cut) }, heldOut: { name, text: text.slice(cut) } }
  })
  return { calibration: split.map((part) => part.calibration), heldOut: split.map((part) => part.heldOut) }
}

/** Encodes the calibration texts. Rejects with a UserError if they have too few tokens together. */
export async function calibrationTokens(
  model: Model,
  texts: readonly NamedText[],
  signal?: AbortSignal,
): Promise<number[][]> {
  const tokens = await encodeTexts(model, texts, signal)
  const count = tokens.reduce((sum, { length }) => sum + length, 0)
  if (count >= LEAST_TOKENS) return tokens
  throw new UserError(
    `${texts.map(({ name }) => name).join(', ')}: ${count} tokens to calibrate on (a quarter is held out); ` +
      `at least ${LEAST_TOKENS} are needed`,
  )
}

export async function perplexityOf(model: Model, texts: readonly NamedText[], signal?: AbortSignal): Promise<number> {
  return (await lossOn(model, texts, { signal })).perplexity
}

/** The same, and the divergence in nats from the predictions of a second model. */
export async function lossOn(
  model: Model,
  texts: readonly NamedText[],
  options: Pick<EvaluateTextOptions, 'against' | 'signal'>,
): Promise<{ klDivergence: number; perplexity: number }> {
  const sums = { divergence: 0, nll: 0, scored: 0 }
  for (const text of texts) {
    // A text of fewer tokens predicts none.
    if ((await encodePlain(model, text.text, options.signal)).length < 2) continue
    const { nll, scored, against } = await evaluateText(model, text, options)
    sums.divergence += (against?.klDivergence ?? 0) * scored
    sums.nll += nll
    sums.scored += scored
  }
  return { klDivergence: sums.divergence / sums.scored, perplexity: Math.exp(sums.nll / sums.scored) }
}

function cutBefore(text: string, end: number): number {
  const line = text.lastIndexOf('\n', end)
  if (line >= end / 2) return line + 1
  const word = text.lastIndexOf(' ', end)
  return word > 0 ? word : end
}
