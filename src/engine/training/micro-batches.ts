import type { TrainingBatch } from '../../api/training.js'
import { UserError } from '../../ground/errors.js'
import type { Prediction } from './layers/language-head.js'
import type { SequenceRows } from './layers/training-workspace.js'

/** Sequences that go through the model together, one after another in its rows. */
export interface MicroBatch {
  tokens: Int32Array
  sequences: SequenceRows[]
  predictions: Prediction[]
  /** 1 for each token of a retained sequence; absent if there is none. */
  retained?: Uint8Array
  isDistilled: boolean
}

export interface BatchLimits {
  maxTokens: number
  maxSequence: number
  vocabSize: number
}

/**
 * Puts the sequences of a batch into micro-batches, in order. Throws a UserError if a sequence is too long, has an id
 * outside the vocabulary, or if no token is predicted.
 */
export function microBatches(
  { sequences, weights = [], retained = [], distilled = [] }: TrainingBatch,
  limits: BatchLimits,
): MicroBatch[] {
  const { maxTokens, maxSequence, vocabSize } = limits
  const batches: MicroBatch[] = []
  let group: Member[] = []
  let length = 0
  const close = () => {
    if (group.length > 0) batches.push(joined(group, length))
    group = []
    length = 0
  }
  for (const [index, tokens] of sequences.entries()) {
    if (tokens.length === 0) continue
    if (tokens.length > maxSequence) {
      throw new UserError(`a sequence has ${tokens.length} tokens, and this training takes ${maxSequence} at most`)
    }
    const unknown = tokens.find((id) => id < 0 || id >= vocabSize)
    if (unknown !== undefined) throw new UserError(`token id ${unknown} is not in the vocabulary of ${vocabSize}`)
    const mine = weights[index]
    if (mine && mine.length !== tokens.length) throw new UserError('a sequence needs a weight for each token')
    const isDistilled = distilled[index] ?? false
    // A micro-batch with distilled sequences runs the original model, too; other sequences should not.
    if (length + tokens.length > maxTokens || group.at(-1)?.isDistilled === !isDistilled) close()
    group.push({ tokens, weights: mine, isRetained: retained[index] ?? false, isDistilled })
    length += tokens.length
  }
  close()
  if (batches.every(({ predictions }) => predictions.length === 0)) {
    throw new UserError('nothing is predicted in this batch: every sequence has a single token, or weights of 0')
  }
  return batches
}

interface Member {
  tokens: Int32Array
  weights?: Float32Array
  isRetained: boolean
  isDistilled: boolean
}

function joined(group: Member[], length: number): MicroBatch {
  const all = new Int32Array(length)
  const sequences: SequenceRows[] = []
  const predictions: Prediction[] = []
  const retained = new Uint8Array(length)
  let first = 0
  for (const { tokens, weights, isRetained, isDistilled } of group) {
    all.set(tokens, first)
    if (isRetained) retained.fill(1, first, first + tokens.length)
    sequences.push({ first, tokens: tokens.length })
    for (let t = 1; t < tokens.length; t++) {
      if (weights === undefined || weights[t] !== 0)
        predictions.push({ row: first + t - 1, target: tokens[t], isDistilled })
    }
    first += tokens.length
  }
  const isDistilled = group.some((member) => member.isDistilled)
  return { tokens: all, sequences, predictions, isDistilled, ...(retained.includes(1) && { retained }) }
}
