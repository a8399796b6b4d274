import type { Model } from '../api/model.js'
import { UserError } from '../errors.js'
import type { TaskItem } from './task-file.js'

/** Tokens of a context, and of each choice after it. */
export interface EncodedItem {
  context: number[]
  continuations: number[][]
}

/**
 * Context and continuation are tokenised together and cut at the length of the context's own tokens, so that tokens
 * come out as they would in running text. Blanks at the end of the context belong to the continuation, since a word's
 * token includes the blank before it. An empty context is the token that texts begin with. Rejects with a UserError that
 * begins with `where` when there are no tokens.
 */
export async function encodeItem(
  model: Model,
  { context, choices, delimiter }: TaskItem,
  where: string,
): Promise<EncodedItem> {
  const { tokenizer, config } = model
  const trimmed = context.trimEnd()
  const blanks = context.slice(trimmed.length)
  const encode = (text: string) => tokenizer.encodeAsync(text, { addSpecialTokens: false })
  const tokens = await encode(trimmed)
  const start = tokens.length === 0 ? (config.bosToken ?? config.eosToken) : undefined
  if (start === null) throw new UserError(`${where}: the context is empty, and the model has no token to begin a text`)
  const continuations: number[][] = []
  for (const [index, choice] of choices.entries()) {
    const continuation = (await encode(trimmed + blanks + delimiter + choice)).slice(tokens.length)
    if (continuation.length === 0) throw new UserError(`${where}: choice ${index} adds no tokens to the context`)
    continuations.push(continuation)
  }
  return { context: start === undefined ? tokens : [start], continuations }
}
