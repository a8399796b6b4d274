import type { Mixture, MixtureKind } from '../../../model/config/config.js'
import type { Lens } from '../../lens.js'
import type { RoutingAgreement } from '../../usage/agreement.js'
import type { ExpertPlace } from '../../usage/awake.js'
import type { TextColour } from '../../usage/text-colours.js'
import type { TextRoutes } from '../../usage/text-routes.js'

/** A picture before it is rendered, with its blocks from top to bottom. */
export interface Figure {
  /** Empty for a figure without a title. */
  title: string
  /** Lines about the model: its packing, its experts per token. */
  caption: string[]
  sentences?: readonly string[]
  blocks: Block[]
  /** Texts for an interactive page, in the order of the first maps. */
  texts?: readonly TextRoutes[]
  /** Messages of the only text, if it is a conversation, in the order of its tokens. */
  turns?: readonly Turn[]
  /** The property that colours the texts on an interactive page at first. Default: the experts of a layer. */
  colour?: TextColour
  /** Tokens of the texts with what their experts say, for an interactive page. */
  lenses?: readonly { text: TextRoutes; token: number; lens: Pick<Lens, 'model' | 'experts'> }[]
  /** Two models' routing of texts, for an interactive page of what they share. */
  agreements?: readonly RoutingAgreement[]
}

/** A message, or the thoughts before it: the tokens from `from` to before `to`. */
export interface Turn {
  role: string
  isThought: boolean
  from: number
  to: number
}

export type Block = MapsBlock | TableBlock | TokensBlock

/** Maps that share one scale, so that equal colours mean equal amounts. */
export interface MapsBlock {
  type: 'maps'
  maps: ExpertMap[]
  scale: Scale
}

/** Rows of text. A renderer shows as many of a row's `words` as fit. */
export interface TableBlock {
  type: 'table'
  title: string
  head: string[]
  rows: { cells: string[]; words?: string[] }[]
  /** Text in place of rows if there are none. */
  empty: string
}

export interface TokensBlock {
  type: 'tokens'
  title: string
  text: TextRoutes
  layers: readonly number[]
  mixtures: readonly MapMixture[]
}

/** A map with a cell for each expert, a row for each layer, and numbers beside the rows. */
export interface ExpertMap {
  title: string
  /** Kinds of experts to show, with all their layers. */
  mixtures: readonly MapMixture[]
  /** Layers to show, rising. */
  layers: readonly number[]
  amount(place: ExpertPlace): Amount
  /** Text to show when the reader points at an expert. */
  describe(place: ExpertPlace): string
  measures: readonly Measure[]
  /** Whether an expert was added by teaching; such experts are marked. Default: none. */
  isNewExpert?(place: ExpertPlace): boolean
  nameOf?(place: ExpertPlace): string | undefined
}

export type MapMixture = Pick<Mixture, 'kind' | 'experts'>

/** A cell without an amount: an expert that no token chose, or one that the model does not have. */
export type Mark = 'unused' | 'missing'

/** Fill of a cell: from 0 to 1, or from -1 to 1 if the scale is signed. */
export type Amount = number | Mark

/** A number for each layer and kind. */
export interface Measure {
  name: string
  /** Name for narrow windows, at most five characters. */
  short: string
  /** Explanation to show when the reader points at the name. */
  meaning: string
  of(place: Pick<ExpertPlace, 'kind' | 'layer'>): number | undefined
}

/** Meaning of a ramp of colours and its ends. */
export interface Scale {
  isSigned: boolean
  meaning: string
  from: string
  to: string
  /** Meanings of cells without an amount, if a map has any. */
  marks?: Partial<Record<Mark, string>>
}

/** Text in place of the cells of a layer without experts. */
export const DENSE = 'dense'

export const TITLES: Record<MixtureKind, string> = { attention: 'attention experts', mlp: 'MLP experts' }

/** Names of the kinds before a number: `layer 4, MLP 4`. */
export const NAMES: Record<MixtureKind, string> = { attention: 'attention', mlp: 'MLP' }

export const SHORT: Record<MixtureKind, string> = { attention: 'attn', mlp: 'mlp' }

export function mapsOf({ blocks }: Pick<Figure, 'blocks'>): ExpertMap[] {
  return blocks.flatMap((block) => (block.type === 'maps' ? block.maps : []))
}

export function marksAmong(amounts: readonly Amount[], meanings: Record<Mark, string>): Scale['marks'] {
  return Object.fromEntries(Object.entries(meanings).filter(([mark]) => amounts.includes(mark as Mark)))
}

export function mostExperts({ experts }: MapMixture): number {
  return Math.max(0, ...experts)
}
