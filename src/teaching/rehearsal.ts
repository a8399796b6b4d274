import type { Model } from '../generation/types.js'
import { seededRandom } from '../sampling/random.js'
import type { Lesson } from './lessons.js'

/** Sequences of ids. */
export interface OwnWriting {
  train: ArrayLike<number>[]
  heldOut: ArrayLike<number>[]
}

/** Sequences of each lesson that are rehearsed, and those that are held out. */
const TRAIN = 48
const HELD_OUT = 16
/** Sequences that are written at once. */
const AT_ONCE = 16
/** Tokens of the new texts that the model continues. */
const SNIPPET = 8
/** The lessons that a model writes, by their names in reports. */
const KINDS: Pick<Lesson, 'name' | 'prompt'>[] = [
  { name: 'what the model writes by itself' },
  { name: 'how the model continues the new texts', prompt: SNIPPET },
]

interface WritingOptions {
  window: number
  seed: number
  signal?: AbortSignal
}

/**
 * Texts that the model writes itself, at temperature 1: samples of what it knows, without any of the texts that it was trained
 * on. One lesson begins by turns with the model's first token and with any token, since from the first alone it may write
 * mostly of one domain. The other continues snippets of the new texts (snippets of their held-out
 * parts for its own held-out part): there the routers have to tell new from old.
 */
export async function writeRehearsal(
  model: Model,
  lessons: readonly Lesson[],
  options: WritingOptions,
): Promise<Lesson[]> {
  const { window, seed } = options
  const random = seededRandom(seed)
  const snippet = (sequences: readonly Int32Array[]) => {
    const sequence = sequences[Math.floor(random.nextFloat() * sequences.length)]
    const length = Math.min(SNIPPET, Math.floor(window / 2), sequence.length)
    const at = Math.floor(random.nextFloat() * (sequence.length - length + 1))
    return [...sequence.subarray(at, at + length)]
  }
  const first = firstToken(model)
  const anyToken = () => Math.floor(random.nextFloat() * model.config.vocabSize)
  const [train, heldOut] = [lessons.flatMap(({ train }) => train), lessons.flatMap(({ heldOut }) => heldOut)]
  const prompts = Array.from({ length: TRAIN + HELD_OUT }, (_, i) => snippet(i < TRAIN ? train : heldOut))
  const writing = await writeAll(
    model,
    prompts.map((_, i) => [i % 2 === 0 ? first : anyToken()]),
    options,
  )
  const continuations = await writeAll(model, prompts, { ...options, seed: seed + prompts.length })
  return ownLessons([parted(writing), parted(continuations)])
}

/** The lessons that the model has written, in their order. */
export function ownLessons(written: readonly OwnWriting[]): Lesson[] {
  return written.map(({ train, heldOut }, i) => ({
    ...KINDS[i],
    isOwn: true,
    train: train.map(idsOf),
    heldOut: heldOut.map(idsOf),
  }))
}

function idsOf(ids: ArrayLike<number>): Int32Array {
  return Int32Array.from(ids)
}

function parted(sequences: Int32Array[]): OwnWriting {
  return { train: sequences.slice(0, TRAIN), heldOut: sequences.slice(TRAIN) }
}

function firstToken({ config: { bosToken, eosToken, vocabSize } }: Model): number {
  return [bosToken, eosToken, 0].find((id) => id !== null && id >= 0 && id < vocabSize) ?? 0
}

async function writeAll(model: Model, prompts: readonly number[][], options: WritingOptions): Promise<Int32Array[]> {
  const written: Int32Array[] = []
  for (let first = 0; first < prompts.length; first += AT_ONCE) {
    const now = prompts.slice(first, first + AT_ONCE)
    const seeds = now.map((_, i) => options.seed * prompts.length + first + i)
    written.push(...(await Promise.all(now.map((prompt, i) => writeOne(model, prompt, seeds[i], options)))))
  }
  return written
}

async function writeOne(
  model: Model,
  prompt: readonly number[],
  seed: number,
  { window, signal }: WritingOptions,
): Promise<Int32Array> {
  const session = model.createSession()
  const plain = { temperature: 1, topK: 0, topP: 1, minP: 0, repeatPenalty: 1, stop: [] }
  // After its end a text is followed by another, as in training.
  const settings = { ...plain, maxTokens: window - prompt.length, seed, ignoreEos: true, signal }
  try {
    const ids = [...prompt]
    for await (const { token } of session.generate(prompt, settings)) ids.push(token)
    return Int32Array.from(ids)
  } finally {
    session.dispose()
  }
}
