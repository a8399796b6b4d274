import { printable } from '../../../ground/printable.js'
import type { GgufMetadata } from '../file/metadata.js'

/** Values of `tokenizer.ggml.token_type`. */
export const TokenType = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const

export interface TokenList {
  /** Tokens by id; undefined for an id that converters have filled. */
  tokens: readonly (string | undefined)[]
  ids: ReadonlyMap<string, number>
  /** A TokenType by id. */
  types: Uint8Array
}

/** Bound that leaves room for the largest vocabularies, of 262,144 tokens. */
const MOST_TOKENS = 400_000
/** Bound of the characters of all tokens, or of all merges. Published ones have 5 million. */
export const MOST_CHARACTERS = 2 ** 24

export const TOKENS = 'tokenizer.ggml.tokens'
const TYPES = 'tokenizer.ggml.token_type'

/** Converters write such a token for each id without one. */
const FILLED = /^\[PAD\d+\]$/

/** Reads the tokens and their types. Throws a UserError if there are too many, two are the same, or types are missing. */
export function readTokens(metadata: GgufMetadata): TokenList {
  const texts = metadata.texts(TOKENS)
  if (texts.length === 0 || texts.length > MOST_TOKENS) {
    throw metadata.refuse(TOKENS, `has ${texts.length} tokens, 1 to ${MOST_TOKENS} are read`)
  }
  const types = readTypes(metadata, texts.length)
  const tokens: (string | undefined)[] = []
  const ids = new Map<string, number>()
  let characters = 0
  texts.forEach((text, id) => {
    const isFilled = text === '' || (types[id] === TokenType.unused && FILLED.test(text))
    tokens.push(isFilled ? undefined : text)
    if (isFilled) return
    const other = ids.get(text)
    if (other !== undefined) {
      throw metadata.refuse(TOKENS, `has the token "${printable(text)}" twice, as ${other} and ${id}`)
    }
    ids.set(text, id)
    characters += text.length
  })
  if (characters > MOST_CHARACTERS) {
    throw metadata.refuse(TOKENS, `has ${characters} characters, at most ${MOST_CHARACTERS} are read`)
  }
  if (ids.size === 0) throw metadata.refuse(TOKENS, 'has no token that is not empty')
  return { tokens, ids, types }
}

function readTypes(metadata: GgufMetadata, count: number): Uint8Array {
  if (!metadata.has(TYPES)) return new Uint8Array(count).fill(TokenType.normal)
  const types = metadata.numbers(TYPES)
  if (types.length !== count) {
    throw metadata.refuse(TYPES, `has ${types.length} values for ${count} tokens`)
  }
  return Uint8Array.from(types)
}

/** The id that a key of the metadata gives, or undefined. Throws a UserError if there is no such token. */
export function tokenIdAt(key: string, metadata: GgufMetadata, { tokens }: TokenList): number | undefined {
  const id = metadata.number(key, undefined)
  // Converters write -1 for a token that the model does not have.
  if (id === undefined || id === -1 || id === 2 ** 32 - 1) return undefined
  if (!Number.isInteger(id) || id < 0 || id >= tokens.length) {
    throw metadata.refuse(key, `is ${id}, and there are ${tokens.length} tokens`)
  }
  return tokens[id] === undefined ? undefined : id
}

export interface AddedTokenRules {
  normalizesAddedTokens: boolean
  notSpecial: ReadonlySet<string>
}

/** Tokens that are matched in a text before it is divided: control tokens, unknown ones, and users' tokens. */
export function addedTokensOf({ tokens, types }: TokenList, rules: AddedTokenRules): object[] {
  return tokens.flatMap((content, id) => {
    if (content === undefined || !isAdded(types[id])) return []
    const isControl = types[id] !== TokenType.userDefined
    const special = isControl && !rules.notSpecial.has(content)
    const normalized = !isControl && rules.normalizesAddedTokens
    return [{ id, content, single_word: false, lstrip: false, rstrip: false, normalized, special }]
  })
}

export function isAdded(type: number): boolean {
  return type === TokenType.control || type === TokenType.unknown || type === TokenType.userDefined
}
