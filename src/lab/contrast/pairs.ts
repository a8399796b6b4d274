import type { Model } from '../../api/model.js'
import type { ChatMessage } from '../../api/text.js'
import { writePrompt } from '../../engine/session/prompt.js'
import { UserError } from '../../ground/errors.js'
import { cut, encodePlain } from '../../insight/texts/reading.js'
import type { NamedText } from '../../insight/texts/text-file.js'

/** Texts as tokens, a pair of each of two kinds. */
export interface ContrastPairs {
  names: readonly [a: string, b: string]
  pairs: { a: number[]; b: number[] }[]
}

/** Least pairs, so that each half has four. */
const LEAST_PAIRS = 8
const MOST_BLOCKS = 64
const LEAST_TOKENS = 32
/** Most tokens of a text that are read. */
const MOST_TOKENS = 512

/**
 * Cuts two texts into the same number of blocks, so that all of both is read up to 64 blocks of 512 tokens. Rejects with
 * a UserError if one is too short for eight blocks.
 */
export async function pairsOfTexts(
  model: Model,
  [a, b]: readonly [NamedText, NamedText],
  signal?: AbortSignal,
): Promise<ContrastPairs> {
  const [ofA, ofB] = [await encodePlain(model, a.text, signal), await encodePlain(model, b.text, signal)]
  const blocks = Math.min(MOST_BLOCKS, Math.floor(Math.min(ofA.length, ofB.length) / LEAST_TOKENS))
  if (blocks < LEAST_PAIRS) {
    const [{ name }, tokens] = ofA.length < ofB.length ? [a, ofA] : [b, ofB]
    throw new UserError(`${name}: has ${tokens.length} tokens, too few; give at least ${LEAST_PAIRS * LEAST_TOKENS}`)
  }
  const blocksOf = (tokens: number[]) => cut(tokens, Math.min(MOST_TOKENS, Math.floor(tokens.length / blocks)))
  const [blocksOfA, blocksOfB] = [blocksOf(ofA), blocksOf(ofB)]
  const pairs = Array.from({ length: blocks }, (_, i) => ({ a: blocksOfA[i], b: blocksOfB[i] }))
  return { names: [a.name, b.name], pairs }
}

/** A text as it is, or messages that the model's chat template frames. */
export type ContrastPrompt = string | readonly ChatMessage[]

/** Encodes pairs of prompts, up to 512 tokens of each. Rejects with a UserError if there are fewer than eight. */
export async function pairsOfPrompts(
  model: Model,
  prompts: readonly { a: ContrastPrompt; b: ContrastPrompt }[],
  signal?: AbortSignal,
): Promise<ContrastPairs> {
  if (prompts.length < LEAST_PAIRS) {
    throw new UserError(`there are ${prompts.length} pairs, too few; each half needs at least ${LEAST_PAIRS / 2}`)
  }
  const tokensOf = async (prompt: ContrastPrompt) => {
    if (typeof prompt === 'string') return encodePlain(model, prompt, signal)
    return (await writePrompt(model, { messages: prompt }, {}, { signal })).ids
  }
  const pairs: ContrastPairs['pairs'] = []
  for (const [i, { a, b }] of prompts.entries()) {
    const [ofA, ofB] = [await tokensOf(a), await tokensOf(b)].map((tokens) => tokens.slice(0, MOST_TOKENS))
    if (ofA.length === 0 || ofB.length === 0) throw new UserError(`a text of pair ${i + 1} has no tokens`)
    pairs.push({ a: ofA, b: ofB })
  }
  return { names: ['a', 'b'], pairs }
}
