import type { Model, SessionOptions } from '../api/model.js'
import type { ForwardOptions, ForwardResult, Session } from '../api/session.js'
import { useSession } from '../evaluation/reading.js'
import { inOrder } from '../in-order.js'

/** Tokens of parts under way: two micro-batches, so that the model never waits for the next part. */
const TOKENS_AHEAD = 512
/** Parts to divide a text into, and the bounds of their tokens. */
const PARTS = { wanted: 20, least: 64, most: 512 }

/**
 * Divides texts into parts of at most `most` tokens, each read from its own beginning. Leaves out those with a single
 * token, since it predicts nothing.
 */
export function partsOf(texts: readonly (readonly number[])[], most: number = PARTS.most): number[][] {
  const all = texts.reduce((sum, { length }) => sum + length, 0)
  const size = Math.min(most, PARTS.most, Math.max(PARTS.least, Math.ceil(all / PARTS.wanted)))
  const parts = texts.flatMap((tokens) => {
    return Array.from({ length: Math.ceil(tokens.length / size) }, (_, i) => tokens.slice(i * size, (i + 1) * size))
  })
  return parts.filter(({ length }) => length >= 2)
}

/** Number of predicted tokens of a part: all but the first. */
export function predictedIn(part: readonly number[]): number {
  return part.length - 1
}

/** Loss of a part in nats, and whatever else was asked for. */
export type PartResult = Omit<ForwardResult, 'logits'> & { loss: number }

/** Runs parts, several at once, and yields their results in order. */
export function runParts(
  model: Model,
  parts: readonly (readonly number[])[],
  { mask, ...options }: SessionOptions & Pick<ForwardOptions, 'routes' | 'outputSums' | 'signal'>,
): AsyncGenerator<PartResult, void> {
  const run = async (part: readonly number[]) => {
    const wanted = { ...options, targets: part.slice(1), logits: 'none' } as const
    const read = (session: Session) => session.forward(part.slice(0, -1), wanted)
    const { logits: _, ...result } = await useSession(model, read, { mask })
    let loss = 0
    for (const logprob of result.logprobs ?? []) loss -= logprob
    return { ...result, loss }
  }
  const longest = parts.reduce((most, { length }) => Math.max(most, length), 1)
  return inOrder(parts, run, { parallel: Math.ceil(TOKENS_AHEAD / longest) + 1 })
}
