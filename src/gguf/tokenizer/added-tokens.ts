import { type TokenList, TokenType } from './token-list.js'

/** An added token as tokenizer.json has it. */
export interface AddedToken {
  id: number
  content: string
  single_word: false
  lstrip: false
  rstrip: false
  normalized: boolean
  special: boolean
}

/** Rules of a family for its added tokens. */
export interface AddedTokenRules {
  normalizesAddedTokens: boolean
  notSpecial: ReadonlySet<string>
}

/** Tokens that are matched in a text before it is divided: control tokens, unknown ones, and those of users. */
export function addedTokensOf({ tokens, types }: TokenList, rules: AddedTokenRules): AddedToken[] {
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
