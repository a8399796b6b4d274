import type { Model } from '../api/model.js'
import { seededRandom } from '../sampling/random.js'
import type { Dataset } from './datasets.js'

/** Sequences that a model has written for a lesson. */
export type ReplaySequences = Pick<Dataset, 'train' | 'heldOut'>

/** Most sequences of each lesson that are rehearsed. */
const MOST_TRAIN = 48
/** Sequences that are held out: the bias of the gates depends most on those that the model writes by itself. */
const HELD_OUT = { writing: 24, continuations: 12 }
const NONE = { writing: 0, continuations: 0 }
/** More than a lesson has: each sequence has a seed of its own. */
const MOST_SEQUENCES = 100
/** Sequences that are written at once. */
const AT_ONCE = 12
/** Tokens of the new texts that the model continues. */
const SNIPPET = 8
/**
 * The lessons that a model writes, by their names in reports. On what it writes by itself its loss rose about as much as on the
 * real text of its domains that suffered most, on continuations of the new text up to four times as much (docs/LAB.md).
 */
const KINDS: Pick<Dataset, 'name' | 'prompt' | 'allowance'>[] = [
  { name: 'own writing' },
  { name: 'own continuations', prompt: SNIPPET, allowance: 4 },
]

interface GenerationOptions {
  window: number
  seed: number
  signal?: AbortSignal
}

interface ReplayOptions extends GenerationOptions {
  /** Sequences that are read of what is to be kept: more of them need not be written. */
  replayed: number
  /** Whether some are held out. Default true. */
  holdsOut?: boolean
}

/** Sequences of each lesson that are rehearsed, if so many are read of what is to be kept. */
function replayCount(replayed: number): number {
  return Math.max(1, Math.min(MOST_TRAIN, Math.ceil(replayed / KINDS.length)))
}

/** Tokens of all of these: each sequence is as long as the window. */
export function countReplayTokens({ replayed, window }: { replayed: number; window: number }): number {
  return KINDS.length * replayCount(replayed) * window
}

/**
 * Texts that the model writes itself, at temperature 1: samples of what it knows, without any of the texts that it was trained
 * on. One lesson begins by turns with the model's first token and with any token, since from the first alone it may write
 * mostly of one domain. The other continues snippets of the new texts (snippets of their held-out
 * parts for its own held-out part): there the routers have to tell new from old.
 */
export async function generateReplay(
  model: Model,
  datasets: readonly Dataset[],
  { replayed, holdsOut = true, ...options }: ReplayOptions,
): Promise<ReplaySequences[]> {
  const { window, seed } = options
  const count = replayCount(replayed)
  const more = holdsOut ? HELD_OUT : NONE
  const random = seededRandom(seed)
  const snippet = (sequences: readonly Int32Array[]) => {
    const sequence = sequences[Math.floor(random.nextFloat() * sequences.length)]
    const length = Math.min(SNIPPET, Math.floor(window / 2), sequence.length)
    const at = Math.floor(random.nextFloat() * (sequence.length - length + 1))
    return [...sequence.subarray(at, at + length)]
  }
  const first = firstToken(model)
  const anyToken = () => Math.floor(random.nextFloat() * model.config.vocabSize)
  const [train, heldOut] = [datasets.flatMap(({ train }) => train), datasets.flatMap(({ heldOut }) => heldOut)]
  const prompts = Array.from({ length: count + more.continuations }, (_, i) => snippet(i < count ? train : heldOut))
  const starts = Array.from({ length: count + more.writing }, (_, i) => [i % 2 === 0 ? first : anyToken()])
  const seeds = { writing: 2 * seed, continuations: 2 * seed + 1 }
  const writing = await writeAll(model, starts, { ...options, seed: seeds.writing })
  const continuations = await writeAll(model, prompts, { ...options, seed: seeds.continuations })
  return [parted(writing, count), parted(continuations, count)]
}

/** The lessons that the model has written, in the order of `writeRehearsal`. */
export function replayDatasets(written: readonly ReplaySequences[]): Dataset[] {
  return written.map((own, i) => ({ ...KINDS[i], isGenerated: true, ...own }))
}

function parted(sequences: Int32Array[], count: number): ReplaySequences {
  return { train: sequences.slice(0, count), heldOut: sequences.slice(count) }
}

function firstToken({ config: { bosToken, eosToken, vocabSize } }: Model): number {
  return [bosToken, eosToken, 0].find((id) => id !== null && id >= 0 && id < vocabSize) ?? 0
}

async function writeAll(model: Model, prompts: readonly number[][], options: GenerationOptions): Promise<Int32Array[]> {
  const written: Int32Array[] = []
  for (let first = 0; first < prompts.length; first += AT_ONCE) {
    const now = prompts.slice(first, first + AT_ONCE)
    const seeds = now.map((_, i) => options.seed * MOST_SEQUENCES + first + i)
    written.push(...(await Promise.all(now.map((prompt, i) => writeOne(model, prompt, seeds[i], options)))))
  }
  return written
}

async function writeOne(
  model: Model,
  prompt: readonly number[],
  seed: number,
  { window, signal }: GenerationOptions,
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
