import { UserError } from '../../../ground/errors.js'
import { isCount, isWord } from '../../../ground/json/forms.js'
import { isObject } from '../../../ground/json/json.js'

/** A token that is matched in the text before it is split or merged. */
export interface AddedToken {
  id: number
  content: string
  single_word: boolean
  lstrip: boolean
  rstrip: boolean
  normalized: boolean
  special: boolean
}

/** Merges lists of tokens, in the order of ids; the last of tokens with the same text wins. */
export function mergeAddedTokens(tokens: AddedToken[]): AddedToken[] {
  return [...new Map(tokens.map((token) => [token.content, token])).values()].sort((a, b) => a.id - b.id)
}

/** The special tokens that the vocabulary has. Others have no row in the model and are left out. */
export function addedFromVocabulary(
  specials: Iterable<string>,
  idOf: (token: string) => number | undefined,
): AddedToken[] {
  return [...specials].flatMap((content) => {
    const id = idOf(content)
    return id === undefined ? [] : [addedToken(id, { content })]
  })
}

/** Reads added_tokens.json: ids by content. Throws a UserError that names the file, as the next two do. */
export function addedFromIds(ids: Record<string, unknown>, file: string): AddedToken[] {
  return Object.entries(ids).map(([content, id]) => checkedToken(id, { content }, file))
}

/** Reads `added_tokens_decoder` of tokenizer_config.json: token objects by id. */
export function addedFromDecoder(decoder: unknown, file: string): AddedToken[] {
  return isObject(decoder) ? Object.entries(decoder).map(([id, token]) => checkedToken(Number(id), token, file)) : []
}

/** Reads `added_tokens` of tokenizer.json: token objects with their ids. */
export function addedFromList(tokens: unknown, file: string): AddedToken[] {
  return Array.isArray(tokens) ? tokens.map((token) => checkedToken(isObject(token) && token.id, token, file)) : []
}

function checkedToken(id: unknown, token: unknown, file: string): AddedToken {
  if (!isCount(id) || !isObject(token) || !isWord(token.content)) {
    throw new UserError(`${file}: an added token needs an id and its text`)
  }
  return addedToken(id, { ...token, content: token.content })
}

function addedToken(id: number, token: Record<string, unknown> & { content: string }): AddedToken {
  const { content, single_word, lstrip, rstrip, normalized, special } = token
  return {
    id,
    content,
    single_word: single_word === true,
    lstrip: lstrip === true,
    rstrip: rstrip === true,
    normalized: normalized === true,
    special: special === true,
  }
}
