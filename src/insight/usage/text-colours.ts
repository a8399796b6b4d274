import type { MixtureKind } from '../../model/config/config.js'
import type { TextRoutes } from './text-routes.js'

/** The property of a token that colours it in a text. */
export type TextColour =
  /** The expert with the largest gate of one layer. */
  | { by: 'expert'; kind: MixtureKind; layer: number }
  /** Bits of information in the token, given the tokens before it. */
  | { by: 'surprise' }
  /** Share of the token's experts that sleep through most of the text. */
  | { by: 'sleepers' }

export type ColouredTokens = Pick<TextRoutes, 'tokens' | 'first' | 'chosen' | 'surprise'> & {
  usage: Pick<TextRoutes['usage'], 'mixtures'>
}

/**
 * An expert sleeps if a single token wakes it, or fewer tokens than this share of what even use of its layer would
 * give it. The first counts in short texts: even use would give an expert only a few tokens of these.
 */
export const SLEEPS_BELOW = 0.1

/**
 * Values that colour a text, one for each token: the id of an expert, bits, or a share from 0 to 1. Undefined for a
 * token without a value: its layer has no experts of the kind, or nothing comes before it. `surprise` needs a text
 * measured with it; else all its values are undefined.
 */
export function textValues(text: ColouredTokens, colour: TextColour): (number | undefined)[] {
  switch (colour.by) {
    case 'expert':
      return text.tokens.map((_, i) => text.first(i, colour.layer, colour.kind)?.id)
    case 'surprise':
      return text.tokens.map((_, i) => text.surprise?.[i])
    case 'sleepers':
      return sleeperShares(text)
  }
}

/** Surprise with the strongest colour: a token of probability 1 / 1024. */
export const MOST_BITS = 10

/** Amount of a value that colours a text, from 0 to 1: bits up to MOST_BITS, or a share of the largest one. */
export function amountOf(value: number, colour: TextColour, largest: number): number {
  return colour.by === 'surprise' ? Math.min(1, value / MOST_BITS) : value / (largest || 1)
}

/** Largest of some values; 0 without any. */
export function largestOf(values: readonly (number | undefined)[]): number {
  return values.reduce((most: number, value = 0) => Math.max(most, value), 0)
}

/** Surprise in bits: -log2 of a token's probability, from its natural logarithm. */
export function bitsOf(logprob: number): number {
  return -logprob / Math.LN2
}

/** Share of each token's experts, over all layers and kinds, that sleep through most of the text. */
function sleeperShares(text: ColouredTokens): number[] {
  const [asleep, all] = [new Float64Array(text.tokens.length), new Float64Array(text.tokens.length)]
  for (const { kind, layers } of text.usage.mixtures) {
    for (const [layer, { experts, counts }] of layers.entries()) {
      const even = counts.reduce((sum, count) => sum + count, 0) / Math.max(1, experts)
      for (let i = 0; i < text.tokens.length; i++) {
        for (const id of text.chosen(i, layer, kind)?.ids ?? []) {
          all[i]++
          if (counts[id] === 1 || counts[id] < SLEEPS_BELOW * even) asleep[i]++
        }
      }
    }
  }
  return Array.from(asleep, (count, i) => count / Math.max(1, all[i]))
}
