import type { RoutingAgreement } from '../experts/agreement.js'
import type { TextRoutes } from '../experts/text-routes.js'
import type { MixtureKind } from '../model/config.js'

/** What is to be seen, whatever it is drawn with: a title, what model it is of, and blocks below one another. */
export interface Figure {
  title: string
  /** Which model, in which packing, with how many experts per token. */
  caption: string[]
  blocks: Block[]
  /** Texts whose tokens and maps a page lets its reader look into; those of the first maps, in their order. */
  texts?: readonly TextRoutes[]
  /** Two models' routing of texts, whose tokens a page shows with what both have in common. */
  agreements?: readonly RoutingAgreement[]
}

export type Block = MapsBlock | TableBlock | TokensBlock

/** Maps that share one scale, so that equal colours mean equal amounts. */
export interface MapsBlock {
  type: 'maps'
  maps: ExpertMap[]
  scale: Scale
}

/** Rows of text. `words` are as many as there is room for. */
export interface TableBlock {
  type: 'table'
  title: string
  head: string[]
  rows: { cells: string[]; words?: string[] }[]
  /** Said in place of rows where there are none. */
  empty: string
}

/** The tokens of a text, each with its experts. */
export interface TokensBlock {
  type: 'tokens'
  title: string
  text: TextRoutes
}

/** A cell per expert, a row per layer, and numbers beside the rows. */
export interface ExpertMap {
  title: string
  mixtures: readonly MapMixture[]
  amount(kind: MixtureKind, layer: number, expert: number): Amount
  /** What is said of an expert when one points at it. */
  describe(kind: MixtureKind, layer: number, expert: number): string
  measures: readonly Measure[]
  /** Whether the expert was taught to the model later: such are set off. Default: none was. */
  isNewcomer?(kind: MixtureKind, layer: number, expert: number): boolean
}

/** The experts of one kind; a layer without any has 0. */
export interface MapMixture {
  kind: MixtureKind
  layers: readonly { experts: number }[]
}

/** A cell without an amount: an expert that no token chose, or one that the model does not have. */
export type Mark = 'unused' | 'missing'

/** Fill of a cell: from 0 to 1, or from -1 to 1 if the scale is signed. */
export type Amount = number | Mark

/** A number per layer and kind. */
export interface Measure {
  name: string
  /** For narrow windows, at most five characters. */
  short: string
  of(kind: MixtureKind, layer: number): number | undefined
}

/** What the ends of a ramp mean. */
export interface Scale {
  isSigned: boolean
  meaning: string
  from: string
  to: string
  /** What cells without an amount mean, where a map has any. */
  marks?: Partial<Record<Mark, string>>
}

/** What stands in place of cells where a layer has none. */
export const DENSE = 'dense'

/** What the experts of a mixture are called in pictures. */
export const TITLES: Record<MixtureKind, string> = { attention: 'attention experts', mlp: 'MLP experts' }

/** Their heads above numbers. */
export const SHORT: Record<MixtureKind, string> = { attention: 'attn', mlp: 'mlp' }

/** The most experts that a layer has. */
export function mostExperts({ layers }: MapMixture): number {
  return Math.max(0, ...layers.map(({ experts }) => experts))
}
