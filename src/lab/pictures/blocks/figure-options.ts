import { UsageError } from '../../../ground/errors.js'
import { option, phrase } from '../../../ground/message.js'
import type { MixtureKind } from '../../../model/config/config.js'
import type { Atlas } from '../../experts/atlas/atlas.js'
import type { ExpertPlace } from '../../experts/usage/awake.js'
import type { TextColour } from '../../experts/usage/text-colours.js'
import type { MapMixture } from './figure.js'

/** Parts of a figure, in the order they are drawn. */
export const PARTS = ['caption', 'map', 'difference', 'table', 'committee', 'tokens'] as const
export type FigurePart = (typeof PARTS)[number]

export interface FigureOptions {
  /** Also show each token with its experts. Default: false. */
  tokens?: boolean
  /** Layers of the maps and tables. Default: all. */
  layers?: readonly number[]
  /** The kind of experts to show. Default: all kinds. */
  only?: MixtureKind
  /** A title in place of the figure's own; none if it is empty. */
  title?: string
  /** Parts to show. Default: all that the texts have but the committee; each token only with `tokens`. */
  parts?: readonly FigurePart[]
  atlas?: Atlas
  /** The property that colours the texts on a page at first. Default: the experts of a layer. */
  colour?: TextColour
}

export interface Scope {
  layers: readonly number[]
  mixtures: readonly MapMixture[]
  includes(address: Pick<ExpertPlace, 'kind' | 'layer'>): boolean
}

/** Chooses layers and kinds. Throws a UsageError if the model lacks them. */
export function scopeOf(all: readonly MapMixture[], { layers, only }: FigureOptions): Scope {
  const count = all[0]?.experts.length ?? 0
  const shown = [...new Set(layers ?? Array.from({ length: count }, (_, layer) => layer))].sort((a, b) => a - b)
  const absent = shown.find((layer) => layer >= count)
  if (absent !== undefined)
    throw new UsageError(phrase`${option('layers')}: the model has layers 0 to ${count - 1}, not ${absent}`)
  const mixtures = all.filter(({ kind }) => only === undefined || kind === only)
  if (mixtures.length === 0) throw new UsageError(phrase`${option('only')}: the model has no ${String(only)} experts`)
  return {
    layers: shown,
    mixtures,
    includes: ({ kind, layer }) => shown.includes(layer) && mixtures.some((mixture) => mixture.kind === kind),
  }
}

/** Whether a figure shows a part. Throws a UsageError if a wanted part is not among `available`. */
export function partsOf(
  { parts, tokens }: FigureOptions,
  available: readonly FigurePart[],
  usual: readonly FigurePart[],
): Set<FigurePart> {
  const wanted = new Set([...(parts ?? usual), ...(tokens ? (['tokens'] as const) : [])])
  for (const part of wanted) {
    if (available.includes(part)) continue
    throw new UsageError(phrase`${option('parts')}: this figure has no ${part}; it has ${available.join(', ')}`)
  }
  return wanted
}
