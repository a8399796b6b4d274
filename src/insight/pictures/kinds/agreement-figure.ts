import { plural } from '../../../ground/numbers.js'
import { printable } from '../../../ground/printable.js'
import { type LayerAgreement, meanAgreement, type RoutingAgreement } from '../../usage/agreement.js'
import type { ExpertPlace } from '../../usage/awake.js'
import {
  type Amount,
  type ExpertMap,
  type Figure,
  type MapsBlock,
  type Measure,
  marksAmong,
  type TableBlock,
  TITLES,
} from '../blocks/figure.js'
import { type FigureOptions, partsOf, type Scope, scopeOf } from '../blocks/figure-options.js'
import { percent } from '../blocks/labels.js'
import { expertInWords, expertsPerToken, modelTitle } from './caption.js'

/**
 * Draws how alike two models route one or more texts: for each expert, the share of the tokens choosing it in the other
 * model that choose it in this model, too. `renderText`, `renderSvg`, `renderPng` and `renderHtml` render the figure.
 */
export function drawAgreement(agreements: readonly RoutingAgreement[], options: FigureOptions = {}): Figure {
  const [{ text, against, mixtures }] = agreements
  const scope = scopeOf(
    mixtures.map(({ kind, layers }) => ({ kind, experts: layers.map(({ experts }) => experts) })),
    options,
  )
  const parts = partsOf(options, ['caption', 'map', 'table', 'tokens'], ['caption', 'map', 'table', 'tokens'])
  const [name, other] = [modelTitle(text.model), modelTitle(against.model)]
  const amounts = agreements.flatMap((agreement) => allAmounts(agreement, scope))
  const lacks = amounts.includes('missing')
  const shares = amounts.filter((amount) => typeof amount === 'number')
  // Close to the smallest share: else models that nearly agree would look the same everywhere.
  const least = Math.min(0.9, Math.floor(10 * shares.reduce((a, b) => Math.min(a, b), 1)) / 10)
  const caption = [...new Set([text.model, against.model].map((m) => `${modelTitle(m)}: ${expertsPerToken(m)}`))]
  const maps: MapsBlock = {
    type: 'maps',
    maps: agreements.map((agreement) => mapOf(agreement, { lacks, least, scope })),
    scale: {
      isSigned: false,
      meaning: `of the tokens that choose the expert in ${other}, share that choose it in ${name}`,
      from: `${Math.round(100 * least)} %`,
      to: '100 %',
      marks: marksAmong(amounts, { unused: 'chosen by no token', missing: `not in ${name}` }),
    },
  }
  return {
    title: options.title ?? `Routing of ${name} against ${other}`,
    agreements: parts.has('tokens') ? agreements : [],
    caption: parts.has('caption') ? caption : [],
    blocks: [...(parts.has('table') ? [meanTable(agreements, lacks, scope)] : []), ...(parts.has('map') ? [maps] : [])],
  }
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
  const missing = lacks ? ['choices of missing experts'] : []
  const head = ['text', 'experts', 'same first expert', 'experts in common', ...missing]
  return { type: 'table', title: 'Means over the layers', head, rows, empty: 'none' }
}

function mapOf(
  { text, mixtures }: RoutingAgreement,
  { lacks, least, scope }: { lacks: boolean; least: number; scope: Scope },
): ExpertMap {
  const layerOf = ({ kind, layer }: Pick<ExpertPlace, 'kind' | 'layer'>) =>
    mixtures.find((mixture) => mixture.kind === kind)?.layers[layer] ?? mixtures[0].layers[layer]
  const measure = (name: string, short: string, of: 'top1' | 'overlap' | 'missing', meaning: string): Measure => ({
    name,
    short,
    meaning,
    of: (place) => (layerOf(place).experts > 0 ? layerOf(place)[of] : undefined),
  })
  return {
    ...scope,
    title: `${printable(text.name)}, ${plural(text.tokens.length, 'token')}`,
    amount: (place) => {
      const share = shareKept(layerOf(place), place.expert)
      return typeof share === 'number' ? (share - least) / (1 - least) : share
    },
    describe: (place) => {
      const { has, chosen, kept } = layerOf(place)
      const tokens = plural(chosen[place.expert], 'token')
      const shared = has.model[place.expert]
        ? `${kept[place.expert]} of the other model's ${tokens}`
        : `missing; ${tokens} of the other model`
      return `${expertInWords(place)}: ${shared}`
    },
    measures: [
      measure('same first', 'first', 'top1', 'share of the tokens whose strongest expert is the same'),
      measure('in common', 'comm', 'overlap', 'mean share of a token’s experts that both models choose'),
      ...(lacks ? [measure('missing', 'miss', 'missing', 'share of choices of experts that the model lacks')] : []),
    ],
  }
}
