import type { Mixture } from '../../model/config/config.js'
import type { Half } from './atlas-halves.js'
import { CLASSES } from './atlas-words.js'

/** A preference of an expert for a word, a class of tokens or a kind of text, as one half of the texts shows it. */
export interface Preference {
  of: number
  /** Times that such a token chose the expert. */
  count: number
  /** Share among the expert's tokens divided by the share among all tokens. */
  lift: number
  cover: number
  /** Standard deviations above the count that is expected by chance. */
  above: number
}

export type Bounds = Pick<Preference, 'count' | 'lift' | 'above'>

/** Bounds of a preference that the first half finds. Chance alone gives about one in three million that are so far above. */
export const FOUND: Bounds = { count: 5, lift: 2, above: 5 }
/** The same for classes and kinds of text, which are too large to be much more frequent. */
export const FOUND_GROUP: Bounds = { count: 20, lift: 1.5, above: 5 }
/** Bounds for the second half to confirm a preference. */
export const CONFIRMED: Bounds = { count: 3, lift: 1.5, above: 2 }
export const CONFIRMED_GROUP: Bounds = { count: 10, lift: 1.3, above: 2 }

export function meets(found: Bounds, { count, lift, above }: Bounds): boolean {
  return found.count >= count && found.lift >= lift && found.above >= above
}

/** Table of the times that tokens with a feature chose each expert of a layer, and of the times expected by chance. */
export class Choices {
  /** Tokens that choose each expert. */
  readonly experts: Float64Array
  private readonly tokens: Float64Array
  private readonly counts: Uint32Array

  constructor(
    chosen: Int32Array,
    private readonly features: ArrayLike<number>,
    experts: number,
    /** Number of features. */
    readonly size: number,
  ) {
    this.experts = new Float64Array(experts)
    this.tokens = new Float64Array(size)
    this.counts = new Uint32Array(experts * size)
    const perToken = chosen.length / Math.max(1, features.length)
    for (let token = 0; token < features.length; token++) {
      this.tokens[features[token]]++
      for (let slot = 0; slot < perToken; slot++) {
        const expert = chosen[token * perToken + slot]
        this.experts[expert]++
        this.counts[expert * size + features[token]]++
      }
    }
  }

  /** Preference of an expert for a feature, against independence of the two. */
  at(expert: number, feature: number): Preference {
    const all = this.features.length
    const count = this.counts[expert * this.size + feature]
    const [uses, tokens] = [this.experts[expert], this.tokens[feature]]
    const expected = (uses * tokens) / all
    const deviation = Math.sqrt(expected * (1 - uses / all) * (1 - tokens / all))
    return {
      of: feature,
      count,
      lift: expected > 0 ? count / expected : 0,
      cover: uses > 0 ? count / uses : 0,
      above: deviation > 0 ? (count - expected) / deviation : 0,
    }
  }

  found(expert: number, bounds: Bounds): Preference[] {
    const found: Preference[] = []
    for (let feature = 0; feature < this.size; feature++) {
      if (this.counts[expert * this.size + feature] < bounds.count) continue
      const preference = this.at(expert, feature)
      if (meets(preference, bounds)) found.push(preference)
    }
    return found
  }

  /** Share of the tokens with a feature that choose an expert. */
  rate(expert: number, feature: number): number {
    const tokens = this.tokens[feature]
    return tokens > 0 ? this.counts[expert * this.size + feature] / tokens : 0
  }
}

/** Choices of the experts of a layer by one half, by words, classes of tokens and kinds of text. */
export interface LayerChoices {
  words: Choices
  classes: Choices
  kinds: Choices
}

/** Features of the tokens of a half: their words, classes and kinds of text. */
export interface Features {
  words: number[]
  classes: number[]
  kinds: number[]
  /** Number of words and of kinds in both halves. */
  sizes: { words: number; kinds: number }
}

/** Counts the choices of a half in a layer. */
export function choicesOf(
  half: Half,
  { words, classes, kinds, sizes }: Features,
  { kind, experts }: Mixture,
  layer: number,
): LayerChoices {
  const chosen = half.chosen(kind, layer)
  return {
    words: new Choices(chosen, words, experts[layer], sizes.words),
    classes: new Choices(chosen, classes, experts[layer], CLASSES.length),
    kinds: new Choices(chosen, kinds, experts[layer], sizes.kinds),
  }
}
