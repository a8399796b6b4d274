import { byteToken } from '../../model/checkpoint/byte-pair-forms.js'
import type { AddedToken } from './definition/added-tokens.js'
import { partsOf, refusePart } from './definition/definition-parts.js'
import { bytesFromAlphabet } from './encoding/byte-alphabet.js'
import type { Normalizer } from './encoding/normalizer.js'

/** Converts tokens to the bytes of a text. */
export interface Decoder {
  /** The bytes of a token of the vocabulary; `isFirst` if it begins the text. */
  bytesOf(token: string, isFirst?: boolean): Uint8Array
  bytesOfAdded(token: AddedToken, isFirst?: boolean): Uint8Array
  /** Whether the tokenizer has put a blank at the beginning of the text. */
  stripsFirstBlank: boolean
}

const WHAT = 'decoder'
const UTF8 = new TextEncoder()

/** Tokens in the byte alphabet. */
export const BYTE_LEVEL: Decoder = {
  bytesOf: (token) => bytesFromAlphabet(token) ?? UTF8.encode(token),
  bytesOfAdded: ({ content }) => UTF8.encode(content),
  stripsFirstBlank: false,
}

/**
 * SentencePiece's decoder, from `decoder` of tokenizer.json: byte tokens for characters outside the vocabulary, and a
 * visible character for blanks. Added tokens of normalised text are decoded as `normalize` writes them. Throws a
 * UserError that names an unsupported part.
 */
export function createSentencePieceDecoder(definition: unknown, normalize: Normalizer): Decoder {
  let [blank, stripsFirstBlank, dropsFirstBlanks] = ['', false, false]
  for (const part of partsOf(definition, 'decoders')) {
    switch (part.type) {
      case 'Replace':
        blank = Object(part.pattern).String
        if (typeof blank !== 'string' || part.content !== ' ') refusePart(WHAT, part, 'pattern')
        break
      case 'Metaspace':
        blank = typeof part.replacement === 'string' ? part.replacement : '▁'
        dropsFirstBlanks = part.add_prefix_space !== false && part.prepend_scheme !== 'never'
        break
      case 'Strip': {
        const { content, start, stop } = part
        if (content !== ' ' || (start !== 0 && start !== 1) || (stop !== 0 && stop !== undefined))
          refusePart(WHAT, part)
        stripsFirstBlank = start === 1
        break
      }
      case 'ByteFallback':
      case 'Fuse':
        break
      default:
        refusePart(WHAT, part)
    }
  }
  const bytes = new Map(Array.from({ length: 256 }, (_, byte) => [byteToken(byte), Uint8Array.of(byte)]))
  const bytesOf = (token: string, isFirst = false) => {
    const written = isFirst && dropsFirstBlanks ? '' : ' '
    return bytes.get(token) ?? UTF8.encode(blank === '' ? token : token.replaceAll(blank, written))
  }
  return {
    bytesOf,
    bytesOfAdded: ({ content, normalized }, isFirst) => bytesOf(normalized ? normalize(content) : content, isFirst),
    stripsFirstBlank,
  }
}
