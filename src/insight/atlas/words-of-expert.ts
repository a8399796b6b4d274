import type { ExpertPlace } from '../usage/awake.js'
import type { Reader, TextRoutes } from '../usage/text-routes.js'

/** A text with its tokens and their experts: the parts of TextRoutes that the words of one expert need. */
export type SpokenTokens = Pick<TextRoutes, 'tokens' | 'chosen'> & { model: Pick<Reader, 'textOf'> }

/** The same with the config of the model, for the choice of an expert. */
export type RoutedTokens = SpokenTokens & { model: Pick<Reader, 'config'> }

/** A word of a text that woke an expert: a token without the blanks at its ends. */
export interface Word {
  text: string
  /** Share of the word's tokens that woke the expert, divided by that share of all tokens. */
  lift: number
  count: number
}

export interface ParticularExpert extends ExpertPlace {
  words: Word[]
}

export const WORDS = 3

/** Tokens at the expert's usual rate that are added to a word's tokens, to rank it. */
const PRIOR = 4

/** Minimum times that a confirmed word woke the expert. */
const LEAST_COUNT = 3

/** Weight of parts of words in the choice of an expert: readers learn more from whole words. */
const PART = 0.2

/** Maximum number of pairs of an expert and a word of the text that chance alone would confirm. */
const BY_CHANCE = 0.05

/**
 * Finds the words of a text that woke an expert more often than other words did, the most particular ones first. A word
 * that came once ranks below one that woke the expert every time it came.
 */
export function wordsOf(text: SpokenTokens, { kind, layer, expert }: ExpertPlace): Word[] {
  const words = new WordCounts(text)
  const counts = new Map<number, number>()
  for (const [i, word] of words.at.entries()) {
    if (text.chosen(i, layer, kind)?.ids.includes(expert)) counts.set(word, (counts.get(word) ?? 0) + 1)
  }
  return words.ranked(counts).map(({ word }) => word)
}

/**
 * Finds the expert that some words woke far more often than the text did, with up to three of these words, whole words
 * first. Line breaks and punctuation say nothing to a reader, and do not count. The words are confirmed: chance would give any expert such a word in fewer than one text in twenty. Undefined if no
 * expert has such words, as in a short text.
 */
export function mostParticular(text: RoutedTokens): ParticularExpert | undefined {
  const { mixtures } = text.model.config
  const words = new WordCounts(text)
  const experts = mixtures.flatMap((mixture) => mixture.experts).reduce((sum, count) => sum + count, 0)
  const chances = experts * words.thatCame(LEAST_COUNT)
  let best: ParticularExpert | undefined
  let most = 0
  for (const { kind, experts: layers } of mixtures) {
    for (const [layer, size] of layers.entries()) {
      const counts = Array.from({ length: size }, () => new Map<number, number>())
      for (const [i, word] of words.at.entries()) {
        for (const id of text.chosen(i, layer, kind)?.ids ?? []) counts[id].set(word, (counts[id].get(word) ?? 0) + 1)
      }
      for (const [expert, ofExpert] of counts.entries()) {
        const confirmed = words
          .ranked(ofExpert)
          .filter(({ word, chance }) => word.count >= LEAST_COUNT && chance * chances < BY_CHANCE)
          .filter(({ word }) => LETTER.test(word.text))
        const first = confirmed.sort((a, b) => Number(b.isWhole) - Number(a.isWhole)).slice(0, WORDS)
        const score = first.reduce((sum, { isWhole, cautious }) => sum + (isWhole ? 1 : PART) * Math.log2(cautious), 0)
        if (score <= most) continue
        most = score
        best = { kind, layer, expert, words: first.map(({ word }) => word) }
      }
    }
  }
  return best
}

/** Numbers of words, in the order they first come. A word is a token without the blanks at its ends. */
export class Words {
  readonly texts: string[] = []
  private readonly ofText = new Map<string, number>()
  private readonly ofToken = new Map<number, number>()

  constructor(private readonly reader: Pick<Reader, 'textOf'>) {}

  of(token: number): number {
    const known = this.ofToken.get(token)
    if (known !== undefined) return known
    const text = this.reader.textOf(token)
    const word = text.trim() || text
    const number = this.ofText.get(word) ?? this.texts.push(word) - 1
    this.ofText.set(word, number)
    this.ofToken.set(token, number)
    return number
  }
}

class WordCounts {
  readonly at: number[]
  private readonly texts: string[]
  private readonly totals: number[]
  /** Times that each was a whole word of letters or digits. */
  private readonly wholes: number[]

  constructor({ tokens, model }: SpokenTokens) {
    const textAt = (i: number) => (i < 0 || i >= tokens.length ? '' : model.textOf(tokens[i]))
    const words = new Words(model)
    this.at = tokens.map((token) => words.of(token))
    this.texts = words.texts
    this.totals = this.texts.map(() => 0)
    this.wholes = this.texts.map(() => 0)
    for (const [i, word] of this.at.entries()) {
      this.totals[word]++
      if (isWhole(textAt(i), textAt(i - 1), textAt(i + 1))) this.wholes[word]++
    }
  }

  thatCame(count: number): number {
    return this.totals.filter((total) => total >= count).length
  }

  /** Ranks the words that woke an expert more often than others, by the times that each woke it. */
  ranked(counts: ReadonlyMap<number, number>) {
    const base = [...counts.values()].reduce((sum, count) => sum + count, 0) / this.at.length
    return [...counts]
      .map(([id, count]) => {
        const total = this.totals[id]
        // Some more tokens that wake the expert at its usual rate keep words that came once from ranking first.
        const cautious = (count + PRIOR * base) / (total + PRIOR) / base
        const word: Word = { text: this.texts[id], lift: count / total / base, count }
        return { word, id, cautious, chance: tailBound(count, total, base), isWhole: this.wholes[id] > total / 2 }
      })
      .filter(({ word }) => word.lift > 1)
      .sort((a, b) => b.cautious - a.cautious || a.id - b.id)
  }
}

/** Whether a token is a whole word of letters or digits, given the tokens around it. */
function isWhole(text: string, before: string, after: string): boolean {
  const isInside = LETTER_LAST.test(before) && LETTER_FIRST.test(text)
  return LETTER.test(text) && !isInside && !(LETTER_LAST.test(text) && LETTER_FIRST.test(after))
}

const LETTER = /[\p{L}\p{N}]/u
const LETTER_FIRST = /^[\p{L}\p{M}\p{N}]/u
const LETTER_LAST = /[\p{L}\p{M}\p{N}]$/u

/** Upper bound (Chernoff) of the probability of `count` or more hits in `total` trials that each hit with `rate`. */
function tailBound(count: number, total: number, rate: number): number {
  const share = count / total
  if (share <= rate) return 1
  const missed = share === 1 ? 0 : (1 - share) * Math.log((1 - share) / (1 - rate))
  return Math.exp(-total * (share * Math.log(share / rate) + missed))
}
