import type { Model } from '../api/model.js'
import { UNFILTERED } from '../generation-options.js'
import { seededRandom } from '../sampling/random.js'
import { mostTokens, WINDOW } from './text-windows.js'

/** Sequences that the model writes at a time. */
const AT_ONCE = 32

/**
 * Windows of text that the model writes at temperature 1: samples of its knowledge. They begin in turn with the model's
 * first token and with a random one, since from the first token alone the model may write mostly of one domain. Every
 * window has a seed of its own, so the text is the same each time.
 */
export async function ownWindows(model: Model, signal?: AbortSignal): Promise<Int32Array[]> {
  const count = Math.floor(mostTokens(model.config) / WINDOW)
  const random = seededRandom(0)
  const starts = Array.from({ length: count }, (_, i) =>
    i % 2 === 0 ? firstToken(model) : Math.floor(random.nextFloat() * model.config.vocabSize),
  )
  const windows: Int32Array[] = []
  for (let first = 0; first < count; first += AT_ONCE) {
    const now = starts.slice(first, first + AT_ONCE)
    windows.push(
      ...(await Promise.all(
        now.map((start, i) => ownText(model, [start], { length: WINDOW, seed: first + i, signal })),
      )),
    )
  }
  return windows
}

/** The token that texts begin with, or one in its place. */
export function firstToken({ config: { bosToken, eosToken, vocabSize } }: Model): number {
  return [bosToken, eosToken, 0].find((id) => id !== null && id >= 0 && id < vocabSize) ?? 0
}

/** Lets a model continue a prompt at temperature 1, up to `length` tokens in all: a sample of its knowledge. */
export async function ownText(
  model: Model,
  prompt: readonly number[],
  { length, seed, signal }: { length: number; seed: number; signal?: AbortSignal },
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
