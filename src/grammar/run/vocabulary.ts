import { asciiOf, asciiOfSpecial } from '../forms/bytes-as-ascii.js'
import { END_OF_TEXT } from '../forms/expression.js'

/** Most special tokens that a text may name: the characters of a plane. */
const MOST_SPECIALS = 2 ** 16

/** The tokens of a model, as its guides' thread receives them. */
export interface VocabularyData {
  /** Bytes of all tokens, one after the other; none for an id without a token. */
  bytes: Uint8Array
  /** Begin of each token in `bytes`, and the end of the last. */
  starts: Uint32Array
  /** Special tokens, each with its text. */
  specials: [id: number, text: string][]
}

/** The tokens of a model. */
export class Vocabulary {
  readonly size: number
  /** The number of each special token. */
  private readonly numbers: ReadonlyMap<number, number>
  /** Special tokens as `written` replaces them, the longest first. */
  private readonly specials: readonly { text: string; character: string }[]

  constructor(private readonly data: VocabularyData) {
    this.size = data.starts.length - 1
    this.numbers = new Map(data.specials.map(([id], number) => [id, number]))
    const specials = data.specials
      .slice(0, MOST_SPECIALS)
      .map(([, text], number) => ({ text, character: String.fromCodePoint(END_OF_TEXT + number) }))
    this.specials = specials.filter(({ text }) => text !== '').sort((a, b) => b.text.length - a.text.length)
  }

  bytesOf(id: number): Uint8Array {
    const { bytes, starts } = this.data
    return id < this.size ? bytes.subarray(starts[id], starts[id + 1]) : bytes.subarray(0, 0)
  }

  /**
   * A text with each of its special tokens as one character of the last plane of Unicode, which is in no class. A grammar
   * thus does not confuse a special token with the same text in ordinary tokens.
   */
  written(text: string): string {
    if (this.specials.length === 0) return text
    let result = ''
    for (let at = 0; at < text.length; ) {
      const special = this.specials.find((special) => text.startsWith(special.text, at))
      result += special?.character ?? text[at]
      at += special?.text.length ?? 1
    }
    return result
  }

  /** A token in the characters of grammars; empty if no grammar uses it. */
  ascii(id: number): string {
    const special = this.numbers.get(id)
    return special === undefined ? (asciiOf(this.bytesOf(id)) ?? '') : asciiOfSpecial(special)
  }
}
