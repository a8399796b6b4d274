import type { Model } from '../api/model.js'
import { UserError } from '../errors.js'
import { encodePlain } from './reading.js'
import type { TaskItem } from './task-file.js'

/** Tokens of a context, and of each choice that follows it. */
export interface EncodedItem {
  context: number[]
  continuations: number[][]
}

/**
 * Encodes an item. Context and choice are tokenised together and cut at the length of the context's own tokens, so that
 * the tokens are those of running text. Blanks at the end of the context belong to the choice, since a word's token
 * includes the blank before it. An empty context becomes the token that begins texts. Rejects with a UserError that
 * begins with `source` if there are no tokens.
 */
export async function encodeItem(
  model: Model,
  { context, choices, delimiter }: TaskItem,
  source: string,
): Promise<EncodedItem> {
  const { config } = model
  const trimmed = context.trimEnd()
  const blanks = context.slice(trimmed.length)
  const encode = (text: string) => encodePlain(model, text)
  const tokens = await encode(trimmed)
  const start = tokens.length === 0 ? (config.bosToken ?? config.eosToken) : undefined
  if (start === null) throw new UserError(`${source}: the context is empty, and the model has no token to begin a text`)
  const continuations: number[][] = []
  for (const [index, choice] of choices.entries()) {
    const continuation = (await encode(trimmed + blanks + delimiter + choice)).slice(tokens.length)
    if (continuation.length === 0) throw new UserError(`${source}: choice ${index} adds no tokens to the context`)
    continuations.push(continuation)
  }
  return { context: start === undefined ? tokens : [start], continuations }
}
