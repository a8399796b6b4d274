import type { EncodeOptions } from '../../../api/text.js'
import { UserError } from '../../../ground/errors.js'
import { BYTE_ALPHABET, byteToken } from '../../../model/checkpoint/byte-pair-forms.js'
import { AddedTokenFinder, type Section } from '../definition/added-token-finder.js'
import { withoutMarks } from '../definition/literal-text.js'
import type { MergeTable } from '../definition/merge-table.js'
import type { TokenizerDefinition, TokenizerKind } from '../definition/tokenizer-definition.js'
import { BLANK_INSIDE, readMerges, type Vocabulary } from '../definition/vocabulary.js'
import { BytePairEncoding } from './byte-pair-encoding.js'
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
  private readonly encoding: BytePairEncoding
  private readonly surroundings: Surroundings
  /** Finders of added tokens in the text and in the normalised text. */
  private readonly plain: AddedTokenFinder
  private normalized?: AddedTokenFinder
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
    this.encoding = new BytePairEncoding({
      vocabulary,
      merges: merges ?? readMerges(model.merges, vocabulary),
      ignoreMerges,
      byteTokens: kind === 'sentencepiece' ? idsOfBytes(vocabulary, byteToken) : undefined,
    })
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
    const ids = addSpecialTokens ? [...before] : []
    let pieces = 0
    let isFirst = true
    for (const section of this.sections(text.replace(LONE_SURROGATES, '\ufffd'))) {
      if (section.token) {
        ids.push(section.token.id)
        if (ids.length > most) return undefined
        if (++pieces % PIECES_A_STEP === 0) yield
      } else {
        const plain = hasLiterals ? withoutMarks(section.text) : section.text
        for (const piece of this.pieces(plain, isFirst)) {
          if (ids.length + piece.length / this.longestToken > most) return undefined
          for (const id of yield* this.encoding.encode(piece)) {
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

  private *sections(text: string): Generator<Section> {
    this.normalized ??= new AddedTokenFinder(
      this.definition.addedTokens.filter((token) => token.normalized),
      ({ content }) => this.normalize(content),
    )
    for (const section of this.plain.split(text)) {
      if (section.token) yield section
      else yield* this.normalized.split(this.normalize(section.text))
    }
  }

  private *pieces(text: string, isFirst: boolean): Generator<string> {
    for (const piece of this.preTokenize(text, isFirst)) {
      if (!this.dividesAtBlanks || !BLANK_INSIDE.test(piece)) yield piece
      else for (const [word] of piece.matchAll(WORDS)) yield word
    }
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
