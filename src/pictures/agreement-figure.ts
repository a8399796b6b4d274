import { type LayerAgreement, meanAgreement, type RoutingAgreement } from '../experts/agreement.js'
import type { MixtureKind } from '../model/config.js'
import { plural } from '../numbers.js'
import { printable } from '../printable.js'
import { expertsPerToken, modelTitle } from './caption.js'
import type { Amount, ExpertMap, Figure, MapsBlock, Measure, TableBlock } from './figure.js'
import { TITLES } from './figure.js'
import { type FigureOptions, partsOf, type Scope, scopeOf } from './figure-options.js'
import { percent } from './percent.js'

/**
 * Draws how alike two models route one or more texts: for each expert, the share of the tokens choosing it in the other
 * model that choose it in this model, too. `renderText`, `renderSvg`, `renderPng` and `renderHtml` render the figure.
 */
export function drawAgreement(agreements: readonly RoutingAgreement[], options: FigureOptions = {}): Figure {
  const [{ text, against, mixtures }] = agreements
  const scope = scopeOf(mixtures, options)
  const parts = partsOf(options, ['caption', 'map', 'table', 'tokens'], ['caption', 'map', 'table', 'tokens'])
  const [name, other] = [modelTitle(text.model), modelTitle(against.model)]
  const seen = new Set(agreements.flatMap((agreement) => allAmounts(agreement, scope)))
  const lacks = seen.has('missing')
  const least = leastShown([...seen].filter((amount) => typeof amount === 'number'))
  const marks = {
    ...(seen.has('unused') && { unused: 'chosen by no token' }),
    ...(lacks && { missing: `not in ${name}` }),
  }
  const caption = [...new Set([text.model, against.model].map((m) => `${modelTitle(m)}: ${expertsPerToken(m)}`))]
  const maps: MapsBlock = {
    type: 'maps',
    maps: agreements.map((agreement) => mapOf(agreement, { lacks, least, scope })),
    scale: {
      isSigned: false,
      meaning: `of the tokens that choose the expert in ${other}, share that choose it in ${name}`,
      from: `${Math.round(100 * least)} %`,
      to: '100 %',
      marks,
    },
  }
  return {
    title: options.title ?? `Routing of ${name} against ${other}`,
    agreements: parts.has('tokens') ? agreements : [],
    caption: parts.has('caption') ? caption : [],
    blocks: [...(parts.has('table') ? [meanTable(agreements, lacks, scope)] : []), ...(parts.has('map') ? [maps] : [])],
  }
}

/**
 * Lower end of the scale, close to the smallest share: else models that nearly agree would look the same everywhere.
 */
function leastShown(shares: readonly number[]): number {
  return Math.min(0.9, Math.floor(10 * Math.min(1, ...shares)) / 10)
}

function allAmounts({ mixtures }: RoutingAgreement, { includes }: Scope): Amount[] {
  return mixtures.flatMap(({ kind, layers }) =>
    layers
      .filter((_, layer) => includes({ kind, layer }))
      .flatMap((layer) => Array.from(layer.chosen, (_, expert) => shareKept(layer, expert))),
  )
}

/** Share of the tokens choosing an expert in the other model that choose it in this model, too. */
function shareKept({ has, chosen, kept }: LayerAgreement, expert: number): Amount {
  if (!has.model[expert]) return 'missing'
  return chosen[expert] > 0 ? kept[expert] / chosen[expert] : 'unused'
}

function meanTable(agreements: readonly RoutingAgreement[], lacks: boolean, { mixtures, layers }: Scope): TableBlock {
  const rows = agreements.flatMap((agreement) =>
    mixtures.map(({ kind }) => {
      const { top1, overlap, missing } = meanAgreement(agreement, kind, layers)
      const shares = [top1, overlap, ...(lacks ? [missing] : [])].map(percent)
      return { cells: [printable(agreement.text.name), TITLES[kind], ...shares] }
    }),
  )
  const head = [
    'text',
    'experts',
    'same first expert',
    'experts in common',
    ...(lacks ? ['choices of missing experts'] : []),
  ]
  return { type: 'table', title: 'Means over the layers', head, rows, empty: 'none' }
}

function mapOf(
  agreement: RoutingAgreement,
  { lacks, least, scope }: { lacks: boolean; least: number; scope: Scope },
): ExpertMap {
  const { text, mixtures } = agreement
  const layerOf = (kind: MixtureKind, layer: number) =>
    mixtures.find((mixture) => mixture.kind === kind)?.layers[layer] ?? mixtures[0].layers[layer]
  const measure = (name: string, short: string, of: 'top1' | 'overlap' | 'missing', meaning: string): Measure => ({
    name,
    short,
    meaning,
    of: (kind, layer) => (layerOf(kind, layer).experts > 0 ? layerOf(kind, layer)[of] : undefined),
  })
  return {
    title: `${printable(text.name)}, ${plural(text.tokens.length, 'token')}`,
    mixtures: scope.mixtures,
    layers: scope.layers,
    amount: (kind, layer, expert) => {
      const share = shareKept(layerOf(kind, layer), expert)
      return typeof share === 'number' ? (share - least) / (1 - least) : share
    },
    describe: (kind, layer, expert) => {
      const { has, chosen, kept } = layerOf(kind, layer)
      const name = `layer ${layer}, ${kind} expert ${expert}`
      if (!has.model[expert]) return `${name}: missing; ${plural(chosen[expert], 'token')} of the other model`
      return `${name}: ${kept[expert]} of the other model's ${plural(chosen[expert], 'token')}`
    },
    measures: [
      measure('same first', 'first', 'top1', 'share of the tokens whose strongest expert is the same'),
      measure('in common', 'comm', 'overlap', 'mean share of a token’s experts that both models choose'),
      ...(lacks ? [measure('missing', 'miss', 'missing', 'share of choices of experts that the model lacks')] : []),
    ],
  }
}
