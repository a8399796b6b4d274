import { BYTE_ALPHABET, byteToken } from '../../checkpoint/byte-pair-forms.js'
import type { GgufMetadata } from '../file/metadata.js'
import { architectureOf } from './pre-tokenizers.js'
import { type Defaults, encodingJson, type SpecialTokens } from './special-tokens.js'
import { isAdded, type TokenList, TokenType } from './token-list.js'

const PREFIX = 'tokenizer.ggml.add_space_prefix'

/** Architectures whose texts get no blank in front, if the metadata does not say. */
const WITHOUT_PREFIX = ['ernie4_5', 'ernie4_5-moe', 'gemma4']

/** Values for absent keys, as Llama has them. */
export const SENTENCEPIECE_DEFAULTS: Defaults = { byRole: { unk: 0, bos: 1, eos: 2 }, addsBos: true }

/** Whether the vocabulary has a token for each byte, without which texts would lose unknown characters. */
export function hasByteTokens({ ids }: TokenList): boolean {
  return BYTE_ALPHABET.every((_, byte) => ids.has(byteToken(byte)))
}

/** tokenizer.json for "llama" and "gemma4": characters merged in pairs, and a visible blank. */
export function sentencePieceTokenizer(
  metadata: GgufMetadata,
  list: TokenList,
  special: SpecialTokens,
  merges: readonly string[],
): object {
  const hasPrefix = metadata.flag(PREFIX, !WITHOUT_PREFIX.includes(architectureOf(metadata)))
  const replace = (from: string, content: string) => ({ type: 'Replace', pattern: { String: from }, content })
  return encodingJson(list, special, {
    rules: { normalizesAddedTokens: false, notSpecial: new Set() },
    normalizer: {
      type: 'Sequence',
      normalizers: [...(hasPrefix ? [{ type: 'Prepend', prepend: '▁' }] : []), replace(' ', '▁')],
    },
    pre_tokenizer: null,
    decoder: {
      type: 'Sequence',
      decoders: [
        replace('▁', ' '),
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        ...(hasPrefix ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []),
      ],
    },
    fallsBack: true,
    ignoresMerges: false,
    merges,
  })
}

const SCORES = 'tokenizer.ggml.scores'

/** Bound of the merges. Vocabularies of 32 thousand tokens have 60 thousand. */
const MOST_MERGES = 2 ** 20

/** Bound of the characters compared: for each token the square of its length. Published vocabularies need 2 ** 24. */
const MOST_WORK = 2 ** 28

/**
 * Merges of a SentencePiece vocabulary, as pairs with a blank between: each pair of tokens that makes a token, the one
 * with the highest score first. Pairs of the same score are in the order of what they make, then of their own ids.
 * Throws a UserError if scores are missing or the merges are far too many.
 */
export function mergesByScore(metadata: GgufMetadata, { tokens, ids, types }: TokenList): string[] {
  const scores = metadata.numbers(SCORES)
  if (scores.length !== tokens.length) {
    throw metadata.refuse(SCORES, `has ${scores.length} values for ${tokens.length} tokens`)
  }
  const isMerged = (id: number) => !isAdded(types[id]) && types[id] !== TokenType.byte
  const [made, left, right]: number[][] = [[], [], []]
  let work = 0
  tokens.forEach((token, id) => {
    if (token === undefined || !isMerged(id)) return
    work += token.length ** 2
    if (work > MOST_WORK || made.length > MOST_MERGES) {
      throw metadata.refuse(SCORES, 'cannot be turned into merges: the tokens are too long, or too many')
    }
    for (let at = 1; at < token.length; at++) {
      const a = ids.get(token.slice(0, at))
      const b = a === undefined ? undefined : ids.get(token.slice(at))
      if (a === undefined || b === undefined || !isMerged(a) || !isMerged(b)) continue
      made.push(id)
      left.push(a)
      right.push(b)
    }
  })
  const order = Uint32Array.from(made, (_, i) => i).sort(
    (i, j) => scores[made[j]] - scores[made[i]] || made[i] - made[j] || left[i] - left[j] || right[i] - right[j],
  )
  return Array.from(order, (i) => `${tokens[left[i]]} ${tokens[right[i]]}`)
}
