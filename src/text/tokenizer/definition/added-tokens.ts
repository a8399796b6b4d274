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
  /** Whether texts of a conversation never become it. */
  reserved?: boolean
}

/**
 * Reads added tokens, in the order of ids; the last of tokens with the same text wins. Special tokens that the vocabulary
 * lacks have no row in the model and are left out. Sources have their files: ids by content of added_tokens.json, token
 * objects by id of tokenizer_config.json, and the list of tokenizer.json. Throws a UserError that names the file.
 */
export function readAddedTokens(
  specials: ReadonlySet<string>,
  idOf: (token: string) => number | undefined,
  [ids, idsFile]: readonly [Record<string, unknown>, string],
  [decoder, decoderFile]: readonly [unknown, string],
  [list, listFile]: readonly [unknown, string],
): AddedToken[] {
  const tokens = Array.from(specials, (content) => ({ id: idOf(content), content })).flatMap(({ id, content }) =>
    id === undefined ? [] : [addedToken(id, { content })],
  )
  for (const [content, id] of Object.entries(ids)) tokens.push(checkedToken(id, { content }, idsFile))
  for (const [id, token] of isObject(decoder) ? Object.entries(decoder) : [])
    tokens.push(checkedToken(Number(id), token, decoderFile))
  for (const token of Array.isArray(list) ? list : [])
    tokens.push(checkedToken(isObject(token) && token.id, token, listFile))
  const last = new Map(tokens.map((token) => [token.content, token]))
  for (const token of last.values()) token.special ||= specials.has(token.content)
  return [...last.values()].sort((a, b) => a.id - b.id)
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
