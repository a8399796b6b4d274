import { END_OF_TEXT } from '../forms/expression.js'
import { TokenTree, type VocabularyData } from './token-tree.js'

/** Most special tokens that a text may name: the characters of a plane. */
const MOST_SPECIALS = 2 ** 16

/** The tokens of a model. */
export class Vocabulary {
  readonly size: number
  private made?: TokenTree
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

  /** Number of a special token, which its character in a grammar has; undefined for other tokens. */
  specialNumber(id: number): number | undefined {
    return this.numbers.get(id)
  }

  /** Id of the special token with a number. */
  specialId(number: number): number {
    return this.data.specials[number][0]
  }

  /** All ordinary tokens, made when first used. */
  get tree(): TokenTree {
    this.made ??= new TokenTree(this.data, new Set(this.numbers.keys()))
    return this.made
  }
}
