import { UserError } from '../../errors.js'
import { isObject } from '../../json.js'
import { type AddedToken, isTokenId } from './added-tokens.js'
import { MergeTable } from './merge-table.js'

/** Bound of ids: four times those of the largest vocabularies. */
const MOST_IDS = 2 ** 20

/** Tokens by id and ids by token. */
export interface Vocabulary {
  ids: ReadonlyMap<string, number>
  /** Tokens by id; undefined for an id without a token. */
  tokens: readonly (string | undefined)[]
}

/**
 * Reads ids by token from `vocab` of a tokenizer model. Throws a UserError if a token has no id or two have the same.
 */
export function readVocabulary(vocab: unknown): Vocabulary {
  const ids = new Map<string, number>()
  const tokens: (string | undefined)[] = []
  for (const [token, id] of isObject(vocab) ? Object.entries(vocab) : []) {
    if (!isTokenId(id) || id >= MOST_IDS) throw new UserError('its vocabulary does not give each token an id')
    while (tokens.length <= id) tokens.push(undefined)
    if (tokens[id] !== undefined) throw new UserError(`two tokens of its vocabulary have the id ${id}`)
    tokens[id] = token
    ids.set(token, id)
  }
  if (ids.size === 0) throw new UserError('its vocabulary does not give each token an id')
  return { ids, tokens }
}

/**
 * The tokens of a vocabulary and the added ones, by id. Throws a UserError if an added token has two ids or that of
 * another token.
 */
export function withAddedTokens({ ids, tokens }: Vocabulary, added: readonly AddedToken[]): Vocabulary['tokens'] {
  const all = [...tokens]
  // A separate map: copying a large vocabulary would take longer than the rest of this function.
  const own = new Map<string, number>()
  for (const { content, id } of added) {
    const known = own.get(content) ?? ids.get(content) ?? id
    if (id >= MOST_IDS || (all[id] ?? content) !== content || known !== id) {
      throw new UserError(`the added token with the id ${id} is another token in its vocabulary`)
    }
    while (all.length <= id) all.push(undefined)
    all[id] = content
    own.set(content, id)
  }
  return all
}

/**
 * Reads `merges` of a tokenizer model: pairs of tokens, as lists or with a blank between. Throws a UserError if one is
 * not a pair of tokens or makes no token, since texts would silently lose it.
 */
export function readMerges(merges: unknown, { ids }: Vocabulary): MergeTable {
  if (!Array.isArray(merges)) throw new UserError('has no list of merges')
  const table = new MergeTable(merges.length)
  merges.forEach((merge: unknown, rank) => {
    const pair: unknown[] = typeof merge === 'string' ? merge.split(' ') : Array.isArray(merge) ? merge : []
    const [left, right] = pair
    const isPair = pair.length === 2 && typeof left === 'string' && typeof right === 'string'
    const [a, b, merged] = isPair ? [ids.get(left), ids.get(right), ids.get(left + right)] : []
    if (a === undefined || b === undefined || merged === undefined) {
      throw new UserError(`merge ${rank + 1} is not a pair of tokens that makes a token of the vocabulary`)
    }
    table.set(rank, a, b, merged)
  })
  return table
}
