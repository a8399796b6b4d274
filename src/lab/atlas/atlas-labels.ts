import type { AtlasEntry } from '../../insight/atlas/atlas.js'
import { rounded } from './atlas-names.js'
import { CONFIRMED, FOUND, meets } from './atlas-preferences.js'
import { CLASSES, wordLabel } from './atlas-words.js'

/** Most labels of an expert, and the least share of its tokens that one adds to those before. */
const MOST = 4
const LEAST = 0.05

/** Names of the features that labels are made of. */
interface Texts {
  words: readonly string[]
  kinds: readonly string[]
}

/** Cells: tokens of the same word, class and kind of text, which the same labels describe. */
export class Cells {
  /** Labels of each cell, as indices of `texts`. */
  readonly labels: number[][] = []
  readonly texts: string[] = []
  private readonly known = new Map<string, number>()
  private readonly numbers = new Map<string, number>()

  constructor(private readonly names: Texts) {}

  /** The cell of each token. */
  of({ words, classes, kinds }: Record<'words' | 'classes' | 'kinds', readonly number[]>): number[] {
    return words.map((word, i) => {
      const key = `${word} ${classes[i]} ${kinds[i]}`
      const known = this.known.get(key)
      if (known !== undefined) return known
      this.known.set(key, this.labels.length)
      const [name, kind] = [CLASSES[classes[i]], this.names.kinds[kinds[i]]]
      const texts = [
        `“${wordLabel(this.names.words[word])}”`,
        kind,
        `${kind}: ${name}`,
        ...(name === 'words' ? [] : [name]),
      ]
      return this.labels.push(texts.map((text) => this.labelOf(text))) - 1
    })
  }

  private labelOf(text: string): number {
    const number = this.numbers.get(text) ?? this.texts.push(text) - 1
    this.numbers.set(text, number)
    return number
  }
}

/** Times that the tokens of each cell come in a half, and choose each expert of a layer. */
export class CellCounts {
  readonly all: Float64Array
  private readonly own: Float64Array
  private readonly uses: Float64Array

  constructor(
    { labels: { length: size } }: Cells,
    private readonly cells: readonly number[],
    chosen: Int32Array,
    experts: number,
  ) {
    this.all = new Float64Array(size)
    this.own = new Float64Array(size * experts)
    this.uses = new Float64Array(experts)
    for (const cell of cells) this.all[cell]++
    const perToken = chosen.length / Math.max(1, cells.length)
    for (const [i, expert] of chosen.entries()) {
      this.uses[expert]++
      this.own[expert * size + cells[Math.floor(i / perToken)]]++
    }
  }

  ownOf(expert: number): Float64Array {
    const { length } = this.all
    return this.own.subarray(expert * length, (expert + 1) * length)
  }

  /** Preference of an expert for `tokens` if `count` of them choose it. */
  preference(expert: number, count: number, tokens: number) {
    const rate = this.uses[expert] / Math.max(1, this.cells.length)
    const expected = rate * tokens
    const deviation = Math.sqrt(expected * (1 - rate) * (1 - tokens / this.cells.length))
    return {
      count,
      share: count / Math.max(1, this.uses[expert]),
      lift: expected > 0 ? count / expected : 0,
      above: deviation > 0 ? (count - expected) / deviation : 0,
      more: count - expected,
    }
  }
}

/**
 * Labels of an expert: each describes most of its tokens that the ones before do not. The first half finds them, and the
 * list ends before one that the second half does not confirm.
 */
export function labelExpert(
  { labels, texts }: Cells,
  [first, second]: CellCounts[],
  expert: number,
): NonNullable<AtlasEntry['labels']> {
  const covered = new Uint8Array(labels.length)
  const found: NonNullable<AtlasEntry['labels']> = []
  /** Sums over the cells of each label that no label covers yet. */
  const sums = (counts: ArrayLike<number>) => {
    const ofLabel = new Float64Array(texts.length)
    for (const [cell, own] of labels.entries()) {
      if (!covered[cell] && counts[cell] > 0) for (const label of own) ofLabel[label] += counts[cell]
    }
    return ofLabel
  }
  const preferences = (half: CellCounts) => {
    const [all, own] = [sums(half.all), sums(half.ownOf(expert))]
    return (label: number) => half.preference(expert, own[label], all[label])
  }
  while (found.length < MOST) {
    const of = preferences(first)
    let best = { label: -1, more: 0 }
    for (let label = 0; label < texts.length; label++) {
      const one = of(label)
      if (one.more > best.more && one.share >= LEAST && meets(one, FOUND)) best = { label, more: one.more }
    }
    if (best.label < 0) break
    const held = preferences(second)(best.label)
    if (!meets(held, CONFIRMED)) break
    found.push({ text: texts[best.label], share: rounded(held.share), lift: rounded(held.lift) })
    for (const [cell, own] of labels.entries()) if (own.includes(best.label)) covered[cell] = 1
  }
  return found
}
