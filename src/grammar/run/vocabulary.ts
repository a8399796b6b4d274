import { END_OF_TEXT } from '../forms/expression.js'

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
  /** The character of each special token. */
  private readonly characters: ReadonlyMap<number, string>
  /** Special tokens as `written` replaces them, the longest first. */
  private readonly specials: readonly { text: string; character: string }[]

  constructor(private readonly data: VocabularyData) {
    this.size = data.starts.length - 1
    const specials = data.specials
      .slice(0, 0x10000)
      .map(([id, text], i) => ({ id, text, character: String.fromCodePoint(END_OF_TEXT + i) }))
    this.characters = new Map(specials.map(({ id, character }) => [id, character]))
    this.specials = specials.filter(({ text }) => text !== '').sort((a, b) => b.text.length - a.text.length)
  }

  bytesOf(id: number): Uint8Array {
    const { bytes, starts } = this.data
    return id < this.size ? bytes.subarray(starts[id], starts[id + 1]) : bytes.subarray(0, 0)
  }

  /**
   * A text with each of its special tokens as one character. A grammar thus cannot mistake a special token for the same
   * text in ordinary tokens: these characters, of the last plane of Unicode, are in no class, and no ordinary token of a
   * grammar has their bytes.
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

  /** Bytes of each token for a grammar: none for ids that no grammar uses. */
  grammarBytes(id: number): Uint8Array {
    const character = this.characters.get(id)
    if (character) return UTF8.encode(character)
    const bytes = this.bytesOf(id)
    return bytes.includes(FIRST_BYTE) ? bytes.subarray(0, 0) : bytes
  }
}

const UTF8 = new TextEncoder()
/** First byte of all characters from END_OF_TEXT on. */
const FIRST_BYTE = 0xf4
