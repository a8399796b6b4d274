import { UserError } from '../../../ground/errors.js'
import { isCount } from '../../../ground/json/forms.js'
import { isObject } from '../../../ground/json/json.js'
import type { AddedToken } from './added-tokens.js'
import { MergeTable } from './merge-table.js'

/** Bound of ids: four times the ids of the largest vocabularies. */
export const MOST_IDS = 2 ** 20

/** SentencePiece's visible blank after another character. */
export const BLANK_INSIDE = /[^▁]▁/

/** The tokens of a tokenizer model, without added ones. */
export interface Vocabulary {
  /** One more than the largest id. */
  readonly size: number
  /** Most UTF-16 units of a token. */
  readonly longest: number
  /** Whether a token extends past a word, with SentencePiece's blank inside. */
  readonly hasBlankInside: boolean
  /** Undefined for an id without a token. */
  token(id: number): string | undefined
  /** Undefined for a text that is no token. */
  idOf(token: string): number | undefined
}

/** Reads `vocab` of a tokenizer model. Throws a UserError if a token has no id or two have the same. */
export function readVocabulary(vocab: unknown): Vocabulary {
  const ids = new Map<string, number>()
  const tokens: (string | undefined)[] = []
  for (const [token, id] of isObject(vocab) ? Object.entries(vocab) : []) {
    if (!isCount(id) || id >= MOST_IDS) throw new UserError('its vocabulary does not give each token an id')
    while (tokens.length <= id) tokens.push(undefined)
    if (tokens[id] !== undefined) throw new UserError(`two tokens of its vocabulary have the id ${id}`)
    tokens[id] = token
    ids.set(token, id)
  }
  if (ids.size === 0) throw new UserError('its vocabulary does not give each token an id')
  return {
    size: tokens.length,
    get longest() {
      return tokens.reduce((most, token = '') => Math.max(most, token.length), 0)
    },
    get hasBlankInside() {
      return tokens.some((token) => token !== undefined && BLANK_INSIDE.test(token))
    },
    token: (id) => tokens[id],
    idOf: (token) => ids.get(token),
  }
}

/** Throws a UserError if an added token has two ids or another token's. */
export function checkAddedTokens(vocabulary: Vocabulary, added: readonly AddedToken[]): void {
  const contents = new Map<number, string>()
  const ids = new Map<string, number>()
  for (const { content, id } of added) {
    const known = contents.get(id) ?? vocabulary.token(id) ?? content
    const knownId = ids.get(content) ?? vocabulary.idOf(content) ?? id
    if (id >= MOST_IDS || known !== content || knownId !== id) {
      throw new UserError(`the added token with the id ${id} is another token in its vocabulary`)
    }
    contents.set(id, content)
    ids.set(content, id)
  }
}

/** Reads merges. Throws a UserError if one is not a pair that makes a token, since texts would silently lose it. */
export function readMerges(merges: unknown, vocabulary: Vocabulary): MergeTable {
  if (!Array.isArray(merges)) throw new UserError('has no list of merges')
  const [lefts, rights, merged] = [0, 1, 2].map(() => new Int32Array(merges.length))
  merges.forEach((merge: unknown, rank) => {
    const pair: unknown[] = typeof merge === 'string' ? merge.split(' ') : Array.isArray(merge) ? merge : []
    const [left, right] = pair
    const isPair = pair.length === 2 && typeof left === 'string' && typeof right === 'string'
    const a = isPair ? vocabulary.idOf(left) : undefined
    const b = isPair ? vocabulary.idOf(right) : undefined
    const made = isPair ? vocabulary.idOf(left + right) : undefined
    if (a === undefined || b === undefined || made === undefined) {
      throw new UserError(`merge ${rank + 1} is not a pair of tokens that makes a token of the vocabulary`)
    }
    lefts[rank] = a
    rights[rank] = b
    merged[rank] = made
  })
  return MergeTable.of(lefts, rights, merged, vocabulary.size)
}
