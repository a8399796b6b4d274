import type { Model } from '../generation/types.js'
import type { Lesson } from './lessons.js'

/** What the lesson of a model's own writing is called. */
export const OWN_WRITING = 'what the model writes by itself'

/** Sequences that a model writes, and how many at once. */
const SEQUENCES = 64
const AT_ONCE = 16

/**
 * Text that the model writes by itself, from its first token on and at full temperature: a sample of what it knows, for
 * whoever has none of the texts that it was trained on. The last tenth is held out. Takes as long as writing 16000 tokens.
 */
export async function ownWriting(
  model: Model,
  { window, seed }: { window: number; seed: number },
  options: { signal?: AbortSignal; onProgress?: (sequences: number, of: number) => void } = {},
): Promise<Lesson> {
  const written: Int32Array[] = new Array(SEQUENCES)
  for (let first = 0; first < SEQUENCES; first += AT_ONCE) {
    options.onProgress?.(first, SEQUENCES)
    const numbers = Array.from({ length: AT_ONCE }, (_, i) => first + i)
    await Promise.all(
      numbers.map(async (number) => {
        written[number] = await writeOne(model, window, seed * SEQUENCES + number, options.signal)
      }),
    )
  }
  const heldOut = Math.ceil(SEQUENCES / 10)
  return { name: OWN_WRITING, train: written.slice(0, -heldOut), heldOut: written.slice(-heldOut) }
}

async function writeOne(model: Model, window: number, seed: number, signal?: AbortSignal): Promise<Int32Array> {
  const { bosToken, eosToken, vocabSize } = model.config
  const begin = [bosToken, eosToken, 0].find((id) => id !== null && id >= 0 && id < vocabSize) ?? 0
  const session = model.createSession()
  const plain = { temperature: 1, topK: 0, topP: 1, minP: 0, repeatPenalty: 1, stop: [] }
  // A text that has ended goes on with another, as in training.
  const settings = { ...plain, maxTokens: window - 1, seed, ignoreEos: true, signal }
  try {
    const ids = [begin]
    for await (const { token } of session.generate([begin], settings)) ids.push(token)
    return Int32Array.from(ids)
  } finally {
    session.dispose()
  }
}
