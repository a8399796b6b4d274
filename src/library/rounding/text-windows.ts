import { UNFILTERED } from '../../api/generation-options.js'
import type { Model } from '../../api/model.js'
import { seededRandom } from '../../engine/sampling/random.js'
import { UserError } from '../../ground/errors.js'
import { inOrder } from '../../ground/in-order.js'
import { plural } from '../../ground/numbers.js'
import type { ModelConfig } from '../../model/config/config.js'

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

/** Texts that the model writes at a time. */
const AT_ONCE = 32

/**
 * Windows of text that the model writes at temperature 1: samples of its knowledge. They begin in turn with the model's
 * first token and with a random one, since from the first token alone the model may write mostly of one domain. Every
 * window has its own seed, so the text is the same each time.
 */
export async function ownWindows(model: Model, signal?: AbortSignal): Promise<Int32Array[]> {
  const count = Math.floor(mostTokens(model.config) / WINDOW)
  const random = seededRandom(0)
  const starts = Array.from({ length: count }, (_, i) => [
    i % 2 === 0 ? firstToken(model) : Math.floor(random.nextFloat() * model.config.vocabSize),
  ])
  return ownTexts(model, starts, { length: WINDOW, seed: 0, signal })
}

/** The token that texts begin with, or one in its place. */
export function firstToken({ config: { bosToken, eosToken, vocabSize } }: Model): number {
  return [bosToken, eosToken, 0].find((id) => id !== null && id >= 0 && id < vocabSize) ?? 0
}

interface Writing {
  /** Tokens of each text, the prompt included. */
  length: number
  /** Seed of the first text; each other one has the next. */
  seed: number
  signal?: AbortSignal
}

/** Lets a model continue prompts at temperature 1: samples of its knowledge. */
export async function ownTexts(
  model: Model,
  prompts: readonly (readonly number[])[],
  { seed, ...options }: Writing,
): Promise<Int32Array[]> {
  const texts: Int32Array[] = []
  const write = ([i, prompt]: [number, readonly number[]]) => ownText(model, prompt, { ...options, seed: seed + i })
  for await (const text of inOrder(prompts.entries(), write, { parallel: AT_ONCE })) texts.push(text)
  return texts
}

async function ownText(
  model: Model,
  prompt: readonly number[],
  { length, seed, signal }: Writing,
): Promise<Int32Array> {
  const session = model.createSession()
  // Another text follows the end of one, as in training.
  const settings = { ...UNFILTERED, maxTokens: length - prompt.length, seed, ignoreEos: true, signal }
  try {
    const tokens = [...prompt]
    for await (const { token } of session.generate(prompt, settings)) tokens.push(token)
    return Int32Array.from(tokens)
  } finally {
    session.dispose()
  }
}
