import type { EncodeOptions } from '../../../api/text.js'
import { UserError } from '../../../ground/errors.js'
import { BYTE_ALPHABET, byteToken } from '../../../model/checkpoint/byte-pair-forms.js'
import { AddedTokenFinder, type Section } from '../definition/added-token-finder.js'
import type { AddedToken } from '../definition/added-tokens.js'
import { sealed, withoutMarks } from '../definition/literal-text.js'
import type { MergeTable } from '../definition/merge-table.js'
import type { TokenizerDefinition, TokenizerKind } from '../definition/tokenizer-definition.js'
import { BLANK_INSIDE, readMerges, type Vocabulary } from '../definition/vocabulary.js'
import { BytePairEncoding, type BytePairModel } from './byte-pair-encoding.js'
import { createNormalizer, isQuickNormalizer, type Normalizer } from './normalizer.js'
import { readSurroundings, type Surroundings } from './post-processor.js'
import { createPreTokenizer, isQuickPreTokenizer, type PreTokenizer } from './pre-tokenizer.js'

/** Pieces of text between two pauses. */
const PIECES_A_STEP = 256
/** Ids between two pauses. One piece may have millions. */
const IDS_A_STEP = 2 ** 16
/** Longest added token. Longer ones could make the search slow. */
const LONGEST_QUICK_TOKEN = 256
/** Lone surrogates, which UTF-8 cannot encode. */
const LONE_SURROGATES = /\p{Cs}/gu
const WORDS = /▁*[^▁]+|▁+/gu

/** Whether any text is encoded in a time proportional to its length. */
export function isQuick({ json, addedTokens }: TokenizerDefinition): boolean {
  const areShort = addedTokens.every(({ content }) => content.length <= LONGEST_QUICK_TOKEN)
  return areShort && isQuickNormalizer(json.normalizer) && isQuickPreTokenizer(json.pre_tokenizer)
}

/** Encodes text as tokenizer.json says: takes out added tokens, normalises the rest, and encodes piece by piece. */
export class Encoder {
  private readonly normalize: Normalizer
  private readonly preTokenize: PreTokenizer
  private readonly model: BytePairModel
  private readonly encoding: BytePairEncoding
  private literalEncoding?: BytePairEncoding
  private readonly surroundings: Surroundings
  /** Finders of added tokens in the text and in the normalised text. */
  private readonly plain: AddedTokenFinder
  private normalized?: SplitNormalized
  private readonly dividesAtBlanks: boolean
  /** Most UTF-16 units of text that one id encodes; a character without a token has two. */
  private readonly longestToken: number

  /** Runs no pattern. Throws a UserError that names an unsupported part, without the file's name. */
  constructor(
    private readonly definition: TokenizerDefinition,
    vocabulary: Vocabulary,
    kind: TokenizerKind,
    merges?: MergeTable,
  ) {
    const { json, model, addedTokens } = definition
    this.normalize = createNormalizer(json.normalizer)
    this.preTokenize = createPreTokenizer(json.pre_tokenizer)
    this.surroundings = readSurroundings(json.post_processor)
    const ignoreMerges = model.ignore_merges === true
    this.model = {
      vocabulary,
      merges: merges ?? readMerges(model.merges, vocabulary),
      ignoreMerges,
      byteTokens: kind === 'sentencepiece' ? idsOfBytes(vocabulary, byteToken) : undefined,
    }
    this.encoding = new BytePairEncoding(this.model)
    if (kind === 'byte-level') idsOfBytes(vocabulary, (byte) => BYTE_ALPHABET[byte])
    this.plain = new AddedTokenFinder(
      addedTokens.filter((token) => !token.normalized),
      ({ content }) => content,
    )
    this.longestToken = Math.max(2, vocabulary.longest)
    // If no token extends past a word, words can be encoded one by one.
    this.dividesAtBlanks = kind === 'sentencepiece' && !ignoreMerges && !vocabulary.hasBlankInside
  }

  /** The ids of a text. Yields now and then, so that other work can run. */
  *encode(text: string, options?: EncodeOptions): Generator<void, number[]> {
    return (yield* this.encodeUpTo(text, Number.POSITIVE_INFINITY, options)) as number[]
  }

  /** As `encode`, but undefined as soon as there are certainly more than `most` ids. */
  *encodeUpTo(text: string, most: number, options: EncodeOptions = {}): Generator<void, number[] | undefined> {
    const { addSpecialTokens = true, hasLiterals = false } = options
    const { before, after } = this.surroundings
    if (hasLiterals) this.literalEncoding ??= this.forLiterals()
    const encoding = (hasLiterals && this.literalEncoding) || this.encoding
    const ids = addSpecialTokens ? [...before] : []
    let pieces = 0
    let isFirst = true
    for (const section of this.sections(text.replace(LONE_SURROGATES, '\ufffd'), hasLiterals)) {
      if (section.token) {
        ids.push(section.token.id)
        if (ids.length > most) return undefined
        if (++pieces % PIECES_A_STEP === 0) yield
      } else {
        const plain = hasLiterals ? withoutMarks(section.text) : section.text
        for (const piece of this.pieces(plain, isFirst)) {
          if (ids.length + piece.length / this.longestToken > most) return undefined
          for (const id of yield* encoding.encode(piece)) {
            if (ids.push(id) % IDS_A_STEP === 0) yield
          }
          if (++pieces % PIECES_A_STEP === 0) yield
        }
      }
      isFirst = false
    }
    if (addSpecialTokens) ids.push(...after)
    return ids.length > most ? undefined : ids
  }

  private *sections(text: string, hasLiterals: boolean): Generator<Section> {
    const { addedTokens } = this.definition
    this.normalized ??= splitNormalized(
      addedTokens.filter((token) => token.normalized),
      this.normalize,
    )
    for (const section of this.plain.split(text)) {
      if (section.token) yield section
      else yield* this.normalized(section.text, hasLiterals)
    }
  }

  /** For texts with marks. The same as the other, unless a reserved token is in the vocabulary and a piece can become it. */
  private forLiterals(): BytePairEncoding {
    const { vocabulary, merges, ignoreMerges } = this.model
    const isInVocabulary = ({ id, reserved }: AddedToken) => reserved && vocabulary.token(id) !== undefined
    const ids = new Set(this.definition.addedTokens.filter(isInVocabulary).map(({ id }) => id))
    const reserved = ignoreMerges ? ids : new Set(merges.arrays.merged.filter((id) => ids.has(id)))
    return reserved.size === 0 ? this.encoding : new BytePairEncoding({ ...this.model, reserved })
  }

  private *pieces(text: string, isFirst: boolean): Generator<string> {
    for (const piece of this.preTokenize(text, isFirst)) {
      if (!this.dividesAtBlanks || !BLANK_INSIDE.test(piece)) yield piece
      else for (const [word] of piece.matchAll(WORDS)) yield word
    }
  }
}

type SplitNormalized = (text: string, hasLiterals: boolean) => Iterable<Section>

/** Finds tokens in normalised texts. In one with marks, the template's own are sealed before: normalising makes none. */
function splitNormalized(tokens: readonly AddedToken[], normalize: Normalizer): SplitNormalized {
  const all = new AddedTokenFinder(tokens, ({ content }) => normalize(content))
  const bare = tokens.map((token) => ({ ...token, single_word: false, lstrip: false, rstrip: false }))
  const written = new AddedTokenFinder(bare, ({ content }) => content)
  const seal = (text: string, token?: AddedToken) => (token?.reserved ? sealed(text) : text)
  const inSealed = new AddedTokenFinder(tokens, (token) => normalize(seal(token.content, token)))
  return (text, hasLiterals) => {
    if (!hasLiterals || !tokens.some(({ reserved }) => reserved)) return all.split(normalize(text))
    return inSealed.split(normalize(Array.from(written.split(text), (part) => seal(part.text, part.token)).join('')))
  }
}

/** The tokens of all 256 bytes. Throws a UserError if one is missing, since texts would silently lose that byte. */
function idsOfBytes(vocabulary: Vocabulary, tokenOf: (byte: number) => string): number[] {
  return Array.from({ length: 256 }, (_, byte) => {
    const id = vocabulary.idOf(tokenOf(byte))
    if (id === undefined) throw new UserError(`its vocabulary has no token for the byte 0x${byte.toString(16)}`)
    return id
  })
}
