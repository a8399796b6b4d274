import type { Model } from '../api/model.js'
import type { TrainingBatch } from '../api/training.js'
import { UserError } from '../errors.js'
import type { NamedText } from '../evaluation/text-file.js'
import { seededRandom } from '../sampling/random.js'

/** A text in ids. */
export interface EncodedText {
  name: string
  ids: Int32Array
}

/** A text in two: one part to learn from, and the rest, which is held out; each in sequences of ids. */
export interface Lesson {
  name: string
  train: Int32Array[]
  heldOut: Int32Array[]
  /** Tokens at the beginning of each sequence that are given, not predicted. Default 0. */
  prompt?: number
  /** Whether the model wrote it: then its loss rises, in the mean, by the divergence from the model as it was. */
  isOwn?: boolean
  /** Times `forget` that its perplexity may rise. Default 1. */
  allowance?: number
}

/** Share of a text that is learnt from. */
const TRAIN_SHARE = 0.9

export async function encodeTexts(
  model: Model,
  texts: readonly NamedText[],
  signal?: AbortSignal,
): Promise<EncodedText[]> {
  const encoded: EncodedText[] = []
  for (const { name, text } of texts) {
    const ids = Int32Array.from(await model.tokenizer.encodeAsync(text, { addSpecialTokens: false, signal }))
    encoded.push({ name, ids })
  }
  return encoded
}

/** Number of tokens of a text that are learnt from; the rest is held out. */
export function trainTokens({ ids }: EncodedText): number {
  return Math.floor(ids.length * TRAIN_SHARE)
}

/** Cuts ids into sequences of `window` tokens. A last one of a single token predicts nothing and is left out. */
export function sequencesOf(ids: Int32Array, window: number): Int32Array[] {
  const sequences: Int32Array[] = []
  for (let at = 0; at + 1 < ids.length; at += window) sequences.push(ids.slice(at, at + window))
  return sequences
}

/** Holds out the last tenth of each text, by tokens. Throws a UserError if one is too short. */
export function lessonsOf(texts: readonly EncodedText[], window: number): Lesson[] {
  return texts.map((text) => {
    const { name, ids } = text
    const cut = trainTokens(text)
    const lesson = {
      name,
      train: sequencesOf(ids.subarray(0, cut), window),
      heldOut: sequencesOf(ids.subarray(cut), window),
    }
    if (lesson.train.length > 0 && lesson.heldOut.length > 0) return lesson
    throw new UserError(
      `${name}: ${ids.length} tokens are too few: a tenth of them is held out, and has to predict some`,
    )
  })
}

export function countTokens(sequences: readonly Int32Array[]): number {
  return sequences.reduce((sum, { length }) => sum + length, 0)
}

/** The weight of each prediction of a sequence of a lesson: 0 in its prompt. Absent: all count. */
export function weightsOf({ prompt = 0 }: Lesson, { length }: Int32Array): Float32Array | undefined {
  return prompt === 0 ? undefined : new Float32Array(length).fill(1).fill(0, 0, prompt)
}

/** Sequences from everywhere in a lesson's held-out part, of about `wanted` tokens together; one at least. */
export function heldOutSample({ heldOut }: Lesson, wanted: number): Int32Array[] {
  const every = Math.min(heldOut.length, Math.max(1, countTokens(heldOut) / wanted))
  return Array.from({ length: Math.floor(heldOut.length / every) }, (_, i) => heldOut[Math.floor(i * every)])
}

/** A sequence to be read, and the lesson that it is from. */
export interface Drawn {
  ids: Int32Array
  lesson: Lesson
}

/** Sequences in a random order, and again in another when all have had their turn. */
export class Deck {
  private order: number[] = []
  private round = 0
  private place = 0

  constructor(
    private readonly sequences: readonly Drawn[],
    private readonly seed: number,
  ) {}

  /** All sequences of some lessons that are learnt from. */
  static of(lessons: readonly Lesson[], seed: number): Deck {
    return new Deck(
      lessons.flatMap((lesson) => lesson.train.map((ids) => ({ ids, lesson }))),
      seed,
    )
  }

  next(): Drawn {
    if (this.place === this.order.length) {
      this.order = shuffled(this.sequences.length, this.seed + this.round++)
      this.place = 0
    }
    return this.sequences[this.order[this.place++]]
  }
}

/** Decks that give a sequence in turn. */
export class Decks {
  private turn = 0

  constructor(private readonly decks: readonly Deck[]) {}

  /** A deck for each lesson: a long one leaves room for the others. */
  static each(lessons: readonly Lesson[], seed: number): Decks {
    return new Decks(lessons.map((lesson, i) => Deck.of([lesson], seed + i)))
  }

  draw(count: number): Drawn[] {
    return Array.from({ length: count }, () => this.decks[this.turn++ % this.decks.length].next())
  }

  /** Leaves out what `draws` earlier draws of `count` sequences have had. */
  skip(draws: number, count: number): void {
    this.draw(draws * count)
  }
}

/** A step's batch. Of what is to be kept not the text is the target, but what the model as it was predicts there. */
export function batchOf(learn: readonly Drawn[], keep: readonly Drawn[]): TrainingBatch {
  const drawn = [...learn, ...keep]
  const kept = drawn.map((_, i) => i >= learn.length)
  return {
    sequences: drawn.map(({ ids }) => ids),
    weights: drawn.map(({ ids, lesson }) => weightsOf(lesson, ids)),
    kept,
    distilled: kept,
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
