import type { Model } from '../../../api/model.js'
import { writePrompt } from '../../../engine/session/prompt.js'
import { UserError } from '../../../ground/errors.js'
import { isWord } from '../../../ground/json/forms.js'
import { parseJsonObject } from '../../../ground/json/json.js'
import { readMessages } from '../../../text/read-messages.js'
import { cut, encodePlain } from '../../evaluation/reading.js'
import type { NamedText } from '../../evaluation/text-file.js'

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

/**
 * Reads pairs of a file, one JSON object a line: `a` and `b` are texts, or lists of messages that the model's chat
 * template frames. Rejects with a UserError that names the first wrong line, or if there are fewer than eight.
 */
export async function pairsOfLines(
  model: Model,
  { name, text }: NamedText,
  signal?: AbortSignal,
): Promise<ContrastPairs> {
  const pairs: ContrastPairs['pairs'] = []
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue
    const source = `${name}: line ${index + 1}`
    const { a, b } = parseJsonObject(new TextEncoder().encode(line), source)
    pairs.push({
      a: await tokensOf(model, a, `${source}: "a"`, signal),
      b: await tokensOf(model, b, `${source}: "b"`, signal),
    })
  }
  if (pairs.length < LEAST_PAIRS) {
    throw new UserError(`${name}: has ${pairs.length} pairs, too few; each half needs at least ${LEAST_PAIRS / 2}`)
  }
  return { names: ['a', 'b'], pairs }
}

async function tokensOf(model: Model, value: unknown, source: string, signal?: AbortSignal): Promise<number[]> {
  const read = async () => {
    if (isWord(value)) return encodePlain(model, value, signal)
    if (!Array.isArray(value)) throw new UserError('must be a text, or a list of messages')
    const { ids } = await writePrompt(model, { messages: readMessages(value) }, {}, { signal })
    return ids
  }
  const tokens = await read().catch((error: unknown) => {
    throw error instanceof UserError ? new UserError(`${source}: ${error.message}`) : error
  })
  if (tokens.length === 0) throw new UserError(`${source}: has no tokens`)
  return tokens.slice(0, MOST_TOKENS)
}
