import type { Model, SessionOptions } from '../../api/model.js'
import { logSumExp } from '../../engine/sampling/logprobs.js'
import { UserError } from '../../ground/errors.js'
import { inOrder } from '../../ground/in-order.js'
import { cut, useSession } from '../../insight/texts/reading.js'
import type { ExpertMask } from '../../model/config/expert-mask.js'
import { indexOfLargest, overlap } from '../evaluation/probabilities.js'

/** Tokens of a part, which is read from its own beginning. */
const PART = 128
/** Parts that are read at once, so that the model never waits for the next. */
const AT_ONCE = 3
/** Most bytes of the whole model's probabilities, which are kept. */
const MOST_BYTES = 2 ** 29

/**
 * Predictions of a whole model on parts of texts, to compare with its predictions without some experts. The expected
 * acceptance of a token is the sum over the vocabulary of the smaller of the two probabilities: the share of drafts that
 * the whole model would accept in speculative decoding (EvoESAP, arXiv 2603.06003).
 */
export class WholePredictions {
  private constructor(
    private readonly model: Model,
    readonly parts: readonly (readonly number[])[],
    /** Probabilities of each part: [tokens, V]. */
    private readonly whole: readonly Float32Array[],
  ) {}

  /**
   * Reads parts that are spread evenly over the texts (as ids), of `most` tokens together, or fewer if the vocabulary is
   * large. Rejects with a UserError if the texts are empty.
   */
  static async read(
    model: Model,
    texts: readonly (readonly number[])[],
    { most, signal }: { most: number; signal?: AbortSignal },
  ): Promise<WholePredictions> {
    const { vocabSize } = model.config
    const tokens = Math.min(most, Math.floor(MOST_BYTES / (4 * vocabSize)))
    const all = texts.flatMap((tokens) => cut(tokens, PART))
    const parts = spread(all, Math.max(1, Math.floor(tokens / PART)))
    if (parts.length === 0) throw new UserError('there are no tokens to compare predictions on')
    const whole: Float32Array[] = []
    for await (const logits of readParts(model, parts, { signal })) {
      for (const row of rowsOf(logits, vocabSize)) {
        const norm = logSumExp(row)
        for (let i = 0; i < row.length; i++) row[i] = Math.exp(row[i] - norm)
      }
      whole.push(logits)
    }
    return new WholePredictions(model, parts, whole)
  }

  /** Mean probability of each part's likeliest tokens. It differs if the weights do. */
  get confidence(): number[] {
    return this.whole.map((part) => mean(rowsOf(part, this.model.config.vocabSize).map((p) => p[indexOfLargest(p)])))
  }

  /** Mean expected acceptance of each part's tokens, without the experts of a mask. */
  async acceptance(mask: ExpertMask, signal?: AbortSignal): Promise<number[]> {
    const { model, parts, whole } = this
    const { vocabSize } = model.config
    const means: number[] = []
    for await (const logits of readParts(model, parts, { mask, signal })) {
      const expected = rowsOf(whole[means.length], vocabSize)
      means.push(mean(rowsOf(logits, vocabSize).map((row, i) => overlap(expected[i], row))))
    }
    return means
  }

  /** Mean over all tokens of means over the tokens of each part. */
  meanOf(means: readonly number[]): number {
    const tokens = this.parts.reduce((sum, { length }) => sum + length, 0)
    return this.parts.reduce((sum, { length }, part) => sum + length * means[part], 0) / tokens
  }
}

/** Reads parts, several at once, and yields in order the logits of each. */
function readParts(
  model: Model,
  parts: readonly (readonly number[])[],
  { mask, signal }: SessionOptions & { signal?: AbortSignal },
): AsyncGenerator<Float32Array, void> {
  const read = (part: readonly number[]) =>
    useSession(model, async (session) => (await session.forward(part, { logits: 'all', signal })).logits, { mask })
  return inOrder(parts, read, { parallel: AT_ONCE })
}

/** At most `count` items, spread evenly over a list. */
function spread<T>(items: readonly T[], count: number): T[] {
  if (items.length <= count) return [...items]
  return Array.from({ length: count }, (_, i) => items[Math.floor(((i + 0.5) * items.length) / count)])
}

function rowsOf(values: Float32Array, width: number): Float32Array[] {
  return Array.from({ length: values.length / width }, (_, i) => values.subarray(i * width, (i + 1) * width))
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
