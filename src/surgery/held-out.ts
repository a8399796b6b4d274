import type { Model } from '../api/model.js'
import { UserError } from '../errors.js'
import { evaluateText } from '../evaluation/evaluate-text.js'
import type { NamedText } from '../evaluation/text-file.js'

/** Texts in two parts: one to judge experts by, one to check the judgement. */
export interface SplitTexts {
  calibration: NamedText[]
  heldOut: NamedText[]
}

/** Share of each text for calibration; the rest is held out. */
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
  const tokens = await Promise.all(texts.map(({ text }) => encode(model, text, signal)))
  const count = tokens.reduce((sum, { length }) => sum + length, 0)
  if (count >= LEAST_TOKENS) return tokens
  throw new UserError(
    `${texts.map(({ name }) => name).join(', ')}: ${count} tokens to calibrate on (a quarter is held out); ` +
      `at least ${LEAST_TOKENS} are needed`,
  )
}

/** Perplexity over all tokens of several texts. Texts of fewer than two tokens do not count. */
export async function perplexityOf(model: Model, texts: readonly NamedText[], signal?: AbortSignal): Promise<number> {
  let nll = 0
  let scored = 0
  for (const text of texts) {
    if ((await encode(model, text.text, signal)).length < 2) continue
    const score = await evaluateText(model, text, { signal })
    nll += score.nll
    scored += score.scored
  }
  return Math.exp(nll / scored)
}

/** Encodes a text without special tokens, as `evaluateText` does. */
function encode(model: Model, text: string, signal?: AbortSignal): Promise<number[]> {
  return model.tokenizer.encodeAsync(text, { addSpecialTokens: false, signal })
}

function cutBefore(text: string, end: number): number {
  const line = text.lastIndexOf('\n', end)
  if (line >= end / 2) return line + 1
  const word = text.lastIndexOf(' ', end)
  return word > 0 ? word : end
}
