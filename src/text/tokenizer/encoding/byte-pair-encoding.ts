import type { MergeTable } from '../definition/merge-table.js'
import type { Vocabulary } from '../definition/vocabulary.js'

/** The vocabulary and the rules of a byte-pair encoding. */
export interface BytePairModel {
  vocabulary: Vocabulary
  merges: MergeTable
  /** Whether a piece that is in the vocabulary is one token, without merging. */
  ignoreMerges: boolean
  /** Ids of the tokens <0x00> to <0xFF>, for characters outside the vocabulary; undefined without these. */
  byteTokens?: readonly number[]
  /** Tokens that no piece becomes: their parts take their place. */
  reserved?: ReadonlySet<number>
}

/** Longest piece that is cached. */
const LONGEST_KEPT = 64
const MOST_KEPT = 10_000
/** Characters or merges of a long piece between two pauses. */
const STEP = 2 ** 14
const POSITIONS = 2 ** 28

/** Encodes pieces of text: merges neighbouring tokens, the merge of the lowest rank first. */
export class BytePairEncoding {
  private readonly kept = new Map<string, readonly number[]>()

  constructor(private readonly model: BytePairModel) {}

  /** The ids of a piece. Yields now and then in a long piece. */
  *encode(piece: string): Generator<void, readonly number[]> {
    const known = this.kept.get(piece)
    if (known) return known
    const { ignoreMerges, vocabulary, reserved } = this.model
    const whole = ignoreMerges ? vocabulary.idOf(piece) : undefined
    let ids = whole === undefined ? yield* this.merge(yield* this.symbols(piece)) : [whole]
    if (reserved && ids.some((id) => reserved.has(id))) ids = yield* this.merge(yield* this.symbols(piece), reserved)
    if (piece.length <= LONGEST_KEPT) {
      if (this.kept.size >= MOST_KEPT) this.kept.clear()
      this.kept.set(piece, ids)
    }
    return ids
  }

  /** One token for each character, or one for each of its bytes. */
  private *symbols(piece: string): Generator<void, Int32Array> {
    const { vocabulary, byteTokens } = this.model
    const ids: number[] = []
    for (const character of piece) {
      if (ids.length % STEP === STEP - 1) yield
      const id = vocabulary.idOf(character)
      if (id !== undefined) ids.push(id)
      else if (byteTokens) for (const byte of new TextEncoder().encode(character)) ids.push(byteTokens[byte])
    }
    return Int32Array.from(ids)
  }

  /** Merges neighbours until no two merge, or only to a reserved token. Of equal ranks the leftmost comes first. */
  private *merge(ids: Int32Array, reserved?: ReadonlySet<number>): Generator<void, readonly number[]> {
    const { merges } = this.model
    const end = ids.length
    if (end < 2) return [...ids]
    const next = new Int32Array(end)
    const previous = new Int32Array(end)
    for (let at = 0; at < end; at++) {
      next[at] = at + 1
      previous[at] = at - 1
    }
    // A candidate is one number: rank, then position of the left token.
    const candidates = new NumberHeap()
    const consider = (left: number, right: number) => {
      const rank = merges.rankOf(ids[left], ids[right])
      if (rank >= 0 && !reserved?.has(merges.mergedBy(rank))) candidates.push(rank * POSITIONS + left)
    }
    for (let at = 0; at + 1 < end; at++) {
      if (at % STEP === STEP - 1) yield
      consider(at, at + 1)
    }

    let steps = 0
    for (let candidate = candidates.pop(); candidate !== undefined; candidate = candidates.pop()) {
      if (++steps % STEP === 0) yield
      const left = candidate % POSITIONS
      const right = next[left]
      const merged = merges.mergedBy((candidate - left) / POSITIONS)
      // One of the two may have merged since this candidate was noted.
      if (ids[left] < 0 || right >= end) continue
      const rank = merges.rankOf(ids[left], ids[right])
      if (rank < 0 || merges.mergedBy(rank) !== merged) continue
      ids[left] = merged
      ids[right] = -1
      next[left] = next[right]
      if (next[left] < end) {
        previous[next[left]] = left
        consider(left, next[left])
      }
      if (previous[left] >= 0) consider(previous[left], left)
    }
    const left: number[] = []
    for (let at = 0; at < end; at = next[at]) {
      if (left.length % STEP === STEP - 1) yield
      left.push(ids[at])
    }
    return left
  }
}

/** A binary heap of numbers, the smallest first. */
class NumberHeap {
  private readonly items: number[] = []

  push(item: number): void {
    const { items } = this
    let at = items.length
    items.push(item)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (items[parent] <= item) break
      items[at] = items[parent]
      at = parent
    }
    items[at] = item
  }

  pop(): number | undefined {
    const { items } = this
    const least = items[0]
    const last = items.pop()
    if (last === undefined || items.length === 0) return least
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= items.length) break
      if (child + 1 < items.length && items[child + 1] < items[child]) child++
      if (items[child] >= last) break
      items[at] = items[child]
      at = child
    }
    items[at] = last
    return least
  }
}
