import { UserError } from '../errors.js'
import type { NamedText } from '../evaluation/text-file.js'
import type { Model } from '../generation/types.js'
import { seededRandom } from '../sampling/random.js'

/** A text in two: what is learnt from, and the rest, which is held out; each in sequences of ids. */
export interface Lesson {
  name: string
  train: Int32Array[]
  heldOut: Int32Array[]
}

/** Share of a text that is learnt from. */
const TRAIN_SHARE = 0.9

/** Cuts ids into sequences of `window` tokens. A last one of a single token predicts nothing and is left out. */
export function sequencesOf(ids: Int32Array, window: number): Int32Array[] {
  const sequences: Int32Array[] = []
  for (let at = 0; at + 1 < ids.length; at += window) sequences.push(ids.slice(at, at + window))
  return sequences
}

/** Holds out the last tenth of each text, by tokens. Rejects with a UserError where one is too short. */
export async function lessonsOf(
  model: Model,
  texts: readonly NamedText[],
  window: number,
  signal?: AbortSignal,
): Promise<Lesson[]> {
  const lessons: Lesson[] = []
  for (const { name, text } of texts) {
    const ids = Int32Array.from(await model.tokenizer.encodeAsync(text, { addSpecialTokens: false, signal }))
    const cut = Math.floor(ids.length * TRAIN_SHARE)
    const lesson = {
      name,
      train: sequencesOf(ids.subarray(0, cut), window),
      heldOut: sequencesOf(ids.subarray(cut), window),
    }
    if (lesson.train.length === 0 || lesson.heldOut.length === 0) {
      throw new UserError(
        `${name}: ${ids.length} tokens are too few: a tenth of them is held out, and has to predict some`,
      )
    }
    lessons.push(lesson)
  }
  return lessons
}

export function countTokens(sequences: readonly Int32Array[]): number {
  return sequences.reduce((sum, { length }) => sum + length, 0)
}

/** Sequences in a random order, and again in another when all have had their turn. */
export class Deck {
  private order: number[] = []
  private round = 0
  private place = 0

  constructor(
    private readonly sequences: readonly Int32Array[],
    private readonly seed: number,
  ) {}

  draw(count: number): Int32Array[] {
    return Array.from({ length: count }, () => this.next())
  }

  /** Leaves out what earlier draws have had. */
  skip(draws: number, count: number): void {
    for (let i = 0; i < draws * count; i++) this.next()
  }

  private next(): Int32Array {
    if (this.place === this.order.length) {
      this.order = shuffled(this.sequences.length, this.seed + this.round++)
      this.place = 0
    }
    return this.sequences[this.order[this.place++]]
  }
}

/** 0 to count - 1 in a random order (Fisher and Yates). */
function shuffled(count: number, seed: number): number[] {
  const random = seededRandom(seed)
  const order = Array.from({ length: count }, (_, i) => i)
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(random.nextFloat() * (i + 1))
    ;[order[i], order[j]] = [order[j], order[i]]
  }
  return order
}
