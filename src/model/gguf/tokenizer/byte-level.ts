import { printable } from '../../../ground/printable.js'
import { BYTE_ALPHABET } from '../../checkpoint/byte-pair-forms.js'
import type { GgufMetadata } from '../file/metadata.js'
import type { PreTokenizer } from './pre-tokenizers.js'
import { encodingJson, type SpecialTokens } from './special-tokens.js'
import { isAdded, MOST_CHARACTERS, type TokenList } from './token-list.js'

const MERGES = 'tokenizer.ggml.merges'

/** Bound of the merges. Vocabularies of 200 thousand tokens have 450 thousand. */
const MOST_MERGES = 2 ** 20

/** Whether the vocabulary has a token for each byte, without which texts would lose some. */
export function hasByteCharacters({ ids }: TokenList): boolean {
  return BYTE_ALPHABET.every((character) => ids.has(character))
}

/** tokenizer.json for "gpt2": bytes merged in pairs. Throws a UserError if merges are missing or make no token. */
export function byteLevelTokenizer(
  metadata: GgufMetadata,
  list: TokenList,
  preTokenizer: PreTokenizer,
  special: SpecialTokens,
): object {
  const { definition, normalizer, ignoreMerges } = preTokenizer
  return encodingJson(list, special, {
    rules: preTokenizer,
    normalizer,
    pre_tokenizer: definition,
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    fallsBack: false,
    ignoresMerges: ignoreMerges,
    merges: readMerges(metadata, list),
  })
}

/** The merges as pairs with a blank between, in the order of their ranks; `ofAdded`: also of added tokens. */
export function readMerges(
  metadata: GgufMetadata,
  { ids, types }: TokenList,
  { ofAdded = false } = {},
): readonly string[] {
  const merges = metadata.texts(MERGES)
  if (merges.length > MOST_MERGES) {
    throw metadata.refuse(MERGES, `has ${merges.length} merges, at most ${MOST_MERGES} are read`)
  }
  const isToken = (token: string) => {
    const id = ids.get(token)
    return id !== undefined && (ofAdded || !isAdded(types[id]))
  }
  const characters = merges.reduce((sum, merge) => sum + merge.length, 0)
  if (characters > MOST_CHARACTERS) {
    throw metadata.refuse(MERGES, `has ${characters} characters, at most ${MOST_CHARACTERS} are read`)
  }
  merges.forEach((merge, rank) => {
    const blank = merge.indexOf(' ')
    const [left, right] = [merge.slice(0, blank), merge.slice(blank + 1)]
    if (blank < 1 || right.includes(' ') || !isToken(left) || !isToken(right) || !isToken(left + right)) {
      throw metadata.refuse(
        MERGES,
        `has "${printable(merge)}" as merge ${rank + 1}, which is not a pair of tokens that makes a token`,
      )
    }
  })
  return merges
}
