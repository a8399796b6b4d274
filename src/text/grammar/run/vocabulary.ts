/** The tokens of a model, as its guides' thread receives them. */
export interface VocabularyData {
  /** Bytes of all tokens, one after the other; none for an id without a token. */
  bytes: Uint8Array
  /** Begin of each token in `bytes`, and the end of the last. */
  starts: Uint32Array
  /** Special tokens, each with its text. */
  specials: [id: number, text: string][]
}

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

/** Ordinary tokens as a tree of their bytes, its nodes in the order of a walk that visits a node before those below it. */
class TokenTree {
  /** Last byte of each node. */
  readonly bytes: Uint8Array
  /** Number of bytes of each node. */
  readonly depths: Int32Array
  /** First node after those below each node. */
  readonly ends: Int32Array
  /** Token of each node; -1 if its bytes are none. */
  readonly tokens: Int32Array
  /** For each token, the next with the same bytes; -1 after the last. */
  readonly same: Int32Array
  readonly deepest: number

  constructor(data: VocabularyData, skipped: ReadonlySet<number>) {
    const { bytes, starts } = data
    const ids = sortedTokens(data, skipped)
    const most = ids.reduce((sum, id) => sum + starts[id + 1] - starts[id], 0)
    const nodes = { bytes: new Uint8Array(most), depths: new Int32Array(most), ends: new Int32Array(most) }
    const tokens = new Int32Array(most).fill(-1)
    this.same = new Int32Array(starts.length - 1).fill(-1)
    /** Nodes of the last token, by their depth. */
    const path: number[] = []
    let count = 0
    let last = 0
    for (const id of ids) {
      const length = starts[id + 1] - starts[id]
      let depth = 0
      while (depth < Math.min(length, path.length) && bytes[starts[last] + depth] === bytes[starts[id] + depth]) depth++
      while (path.length > depth) nodes.ends[path.pop() as number] = count
      for (; depth < length; depth++) {
        nodes.bytes[count] = bytes[starts[id] + depth]
        nodes.depths[count] = depth + 1
        path.push(count++)
      }
      const node = path[length - 1]
      this.same[id] = tokens[node]
      tokens[node] = id
      last = id
    }
    while (path.length > 0) nodes.ends[path.pop() as number] = count
    this.bytes = nodes.bytes.slice(0, count)
    this.depths = nodes.depths.slice(0, count)
    this.ends = nodes.ends.slice(0, count)
    this.tokens = tokens.slice(0, count)
    this.deepest = this.depths.reduce((deepest, depth) => Math.max(deepest, depth), 0)
  }
}

/** Tokens with bytes, ordered so that those with a common beginning are neighbours. */
function sortedTokens({ bytes, starts }: VocabularyData, skipped: ReadonlySet<number>): number[] {
  // One character for each byte. Decoders refuse shared memory.
  const text = new TextDecoder('latin1').decode(bytes.slice())
  const texts = Array.from({ length: starts.length - 1 }, (_, id) => text.slice(starts[id], starts[id + 1]))
  return Array.from(texts.keys())
    .filter((id) => texts[id] !== '' && !skipped.has(id))
    .sort((a, b) => (texts[a] < texts[b] ? -1 : texts[a] > texts[b] ? 1 : 0))
}
