import type { Vocabulary } from './vocabulary.js'

/** A vocabulary as arrays, which a file can hold. */
export interface VocabularyArrays {
  /** First byte of each id's token in `text`, and the end of the last; an id without a token has no bytes. */
  starts: Int32Array
  /** Ids with a token, in the order of their tokens' bytes. */
  inOrder: Int32Array
  /** UTF-8 of all tokens, by id. */
  text: Uint8Array
}

const FROM_UTF8 = new TextDecoder('utf-8', { ignoreBOM: true })
const TO_UTF8 = new TextEncoder()

/** Most ids that are remembered: single characters are looked up again and again. */
const MOST_KNOWN = 10_000

/** A vocabulary that is searched in its file's bytes, so that a large one is ready at once. */
export class CompiledVocabulary implements Vocabulary {
  private readonly known = new Map<string, number>()

  constructor(
    readonly arrays: VocabularyArrays,
    readonly longest: number,
    readonly hasBlankInside: boolean,
  ) {}

  /** Copies a vocabulary; undefined if a token is empty or has a half of a surrogate pair, which UTF-8 cannot encode. */
  static of(vocabulary: Vocabulary): CompiledVocabulary | undefined {
    const { size, longest, hasBlankInside } = vocabulary
    const tokens: Uint8Array[] = []
    const ids: number[] = []
    const starts = new Int32Array(size + 1)
    for (let id = 0; id < size; id++) {
      const token = vocabulary.token(id)
      if (token === '' || /\p{Cs}/u.test(token ?? '')) return undefined
      tokens.push(TO_UTF8.encode(token))
      starts[id + 1] = starts[id] + tokens[id].length
      if (token !== undefined) ids.push(id)
    }
    const text = new Uint8Array(starts[size])
    tokens.forEach((bytes, id) => {
      text.set(bytes, starts[id])
    })
    const inOrder = Int32Array.from(ids.sort((a, b) => compare(tokens[a], tokens[b], 0, tokens[b].length)))
    return new CompiledVocabulary({ starts, inOrder, text }, longest, hasBlankInside)
  }

  get size(): number {
    return this.arrays.starts.length - 1
  }

  token(id: number): string | undefined {
    const { starts, text } = this.arrays
    const isEmpty = !(starts[id] < starts[id + 1])
    return isEmpty ? undefined : FROM_UTF8.decode(text.subarray(starts[id], starts[id + 1]))
  }

  idOf(token: string): number | undefined {
    const known = this.known.get(token)
    if (known !== undefined) return known
    const id = this.find(TO_UTF8.encode(token))
    if (id === undefined) return undefined
    if (this.known.size >= MOST_KNOWN) this.known.clear()
    this.known.set(token, id)
    return id
  }

  private find(token: Uint8Array): number | undefined {
    const { starts, inOrder, text } = this.arrays
    let first = 0
    for (let end = inOrder.length; first < end; ) {
      const middle = (first + end) >>> 1
      const id = inOrder[middle]
      const order = compare(token, text, starts[id], starts[id + 1])
      if (order === 0) return id
      if (order > 0) first = middle + 1
      else end = middle
    }
    return undefined
  }
}

/** Compares bytes with `others` from `from` to `to`: negative if they come first, 0 if they are the same. */
function compare(bytes: Uint8Array, others: Uint8Array, from: number, to: number): number {
  const shared = Math.min(bytes.length, to - from)
  for (let at = 0; at < shared; at++) {
    const difference = bytes[at] - others[from + at]
    if (difference !== 0) return difference
  }
  return bytes.length - (to - from)
}
