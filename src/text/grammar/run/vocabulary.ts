import { TokenTree, type VocabularyData } from './token-tree.js'

export class Vocabulary {
  readonly size: number
  private made?: TokenTree
  /** The number of each special token. */
  private readonly numbers: ReadonlyMap<number, number>

  constructor(private readonly data: VocabularyData) {
    this.size = data.starts.length - 1
    this.numbers = new Map(data.specials.map(([id], number) => [id, number]))
  }

  bytesOf(id: number): Uint8Array {
    const { bytes, starts } = this.data
    return id < this.size ? bytes.subarray(starts[id], starts[id + 1]) : bytes.subarray(0, 0)
  }

  /** Number of a special token, which an expression has; undefined for other tokens. */
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
