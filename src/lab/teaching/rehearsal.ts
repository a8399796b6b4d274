import type { Model } from '../../api/model.js'
import { seededRandom } from '../../engine/sampling/random.js'
import { firstToken, ownTexts } from '../../library/rounding/text-windows.js'
import type { Dataset } from './datasets.js'

/** Sequences that a model wrote for a dataset. */
export type ReplaySequences = Pick<Dataset, 'train' | 'heldOut'>

const MOST_TRAIN = 48
/** Held-out sequences: the bias of the gates depends most on the model's free writing. */
const HELD_OUT = { writing: 24, continuations: 12 }
const NONE = { writing: 0, continuations: 0 }
/** Seeds per dataset: more than a dataset has sequences, since each has its own. */
const MOST_SEQUENCES = 100
/** Tokens of a snippet of new text that the model continues. */
const SNIPPET = 8
/**
 * Datasets that a model writes, with their names in reports. The loss on the model's free writing rose about as much as
 * on the real text of its domains that suffered most; on continuations of the new text, up to four times as much
 * (bench/LAB.md).
 */
const KINDS: Pick<Dataset, 'name' | 'prompt' | 'allowance'>[] = [
  { name: 'own writing' },
  { name: 'own continuations', prompt: SNIPPET, allowance: 4 },
]

interface ReplayOptions {
  window: number
  seed: number
  signal?: AbortSignal
  /** Sequences of retained text that the training reads; more need not be written. */
  replayed: number
  /** Whether to write held-out sequences, too. Default true. */
  holdsOut?: boolean
}

/** Sequences of each dataset, if the training reads `replayed` sequences. */
function replayCount(replayed: number): number {
  return Math.max(1, Math.min(MOST_TRAIN, Math.ceil(replayed / KINDS.length)))
}

/** Counts the tokens of these sequences; each is as long as the window. */
export function countReplayTokens({ replayed, window }: { replayed: number; window: number }): number {
  return KINDS.length * replayCount(replayed) * window
}

/**
 * Lets the model write texts at temperature 1: samples of its knowledge, without any text that it was trained on. The
 * sequences of one dataset begin in turn with the model's first token and with a random token, since from the first
 * token alone the model may write mostly of one domain. The other dataset continues snippets of the new texts, and of
 * their held-out parts for its own held-out part: there the routers have to tell new text from old.
 */
export async function generateReplay(
  model: Model,
  datasets: readonly Dataset[],
  { window, seed, replayed, holdsOut = true, signal }: ReplayOptions,
): Promise<ReplaySequences[]> {
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
  const written: ReplaySequences[] = []
  for (const [i, all] of [starts, prompts].entries()) {
    const texts = await ownTexts(model, all, { length: window, seed: (2 * seed + i) * MOST_SEQUENCES, signal })
    written.push({ train: texts.slice(0, count), heldOut: texts.slice(count) })
  }
  return written
}

/** Datasets of the sequences, in the order of `generateReplay`. */
export function replayDatasets(written: readonly ReplaySequences[]): Dataset[] {
  return written.map((own, i) => ({ ...KINDS[i], isGenerated: true, ...own }))
}
