import { plural } from '../../ground/numbers.js'
import { printable } from '../../ground/printable.js'
import type { Atlas } from '../../insight/atlas/atlas.js'
import {
  type Amount,
  type ExpertMap,
  type Figure,
  type MapsBlock,
  marksAmong,
  type TableBlock,
  TITLES,
} from '../../insight/pictures/blocks/figure.js'
import { type FigureOptions, partsOf, type Scope, scopeOf } from '../../insight/pictures/blocks/figure-options.js'
import { bracketedName, expertInTable, expertInWords, modelTitle } from '../../insight/pictures/kinds/caption.js'
import { maskSpecOf } from '../../insight/usage/awake.js'
import type { Ablation, ExpertWorth } from '../ablation/ablate.js'
import type { Way, Worth } from '../ablation/worth.js'

const WAYS: Record<Way, string> = {
  off: 'off: its output becomes 0',
  around: 'routed around: tokens use the next best expert of the layer',
  mean: 'mean: its output becomes the mean output of the layer’s experts',
}

const MOST_ROWS = 15

/** Draws the worth of each expert: a map for each way of taking it away, the most valuable experts, and the layers. */
export function drawAblation(ablation: Ablation, options: FigureOptions = {}): Figure {
  const { model, texts, tokens, parts, loss, experts } = ablation
  const { atlas, layers = [...new Set(experts.map(({ layer }) => layer))] } = options
  const read = `${texts.map((name) => printable(name)).join(', ')}: ${plural(tokens, 'predicted token')} in ${plural(parts, 'part')}, loss ${loss.toFixed(3)} nats per token`
  const errors = parts > 1 ? '± two standard errors' : 'without errors, since the text has one part only'
  const meaning = `worth: rise of the loss without the expert, in nats per token, ${errors}`
  const shown = partsOf(options, ['caption', 'map', 'table'], ['caption', 'map', 'table'])
  const measured = model.config.mixtures.filter(({ kind }) => experts.some((one) => one.kind === kind))
  const scope = scopeOf(measured, { ...options, layers })
  return {
    title: options.title ?? `Worth of the experts of ${modelTitle(model)}`,
    caption: shown.has('caption') ? [surprise(ablation, atlas), meaning, read] : [],
    blocks: [
      ...(shown.has('map') ? [worthMaps(ablation, scope)] : []),
      ...(shown.has('table') ? [expertTable(ablation, scope, atlas), layerTable(ablation, scope)] : []),
    ],
  }
}

/** One sentence: the most valuable expert, and the number of experts without a measurable worth. */
function surprise({ experts, ways, parts }: Ablation, atlas?: Atlas): string {
  const [way] = ways
  const measured = experts.flatMap(({ worth, ...place }) => (worth?.[way] ? [{ ...place, worth: worth[way] }] : []))
  if (measured.length === 0) return 'no expert was measured'
  const best = measured.reduce((most, one) => (one.worth.nats > most.worth.nats ? one : most))
  const idle = measured.filter(({ worth: { nats, error = 0 } }) => nats <= error).length
  const loss = `without layer ${best.layer}’s ${best.kind} expert ${best.expert}${bracketedName(atlas, best)} the loss rises by ${best.worth.nats.toFixed(3)}`
  const effect = parts > 1 ? 'make no measurable difference' : 'do not raise it'
  return `${loss}; ${idle} of ${measured.length} experts ${effect} alone`
}

function worthMaps({ experts, ways }: Ablation, scope: Scope): MapsBlock {
  const found = new Map(experts.map((one) => [maskSpecOf(one), one]))
  const worths = experts.flatMap(({ worth = {} }) => Object.values(worth))
  const most = Math.max(1e-9, ...worths.map(({ nats }) => Math.abs(nats)))
  const maps = ways.map(
    (way): ExpertMap => ({
      ...scope,
      title: WAYS[way],
      amount: (place) => amountOf(found.get(maskSpecOf(place)), way, most),
      describe: (place) => `${expertInWords(place)}: ${described(found.get(maskSpecOf(place)), way)}`,
      measures: [],
    }),
  )
  const shown = experts.filter(scope.includes)
  const marks = marksAmong(
    maps.flatMap((map) => shown.map((one) => map.amount(one))),
    { unused: 'chosen by no token', missing: 'not measured' },
  )
  const meaning = 'worth in nats per token (square roots)'
  const scale = { isSigned: true, meaning, from: `−${most.toFixed(3)}`, to: `+${most.toFixed(3)}`, marks }
  return { type: 'maps', maps, scale }
}

/** Square roots, because a few experts are worth much more than all others. */
function amountOf(found: ExpertWorth | undefined, way: Way, most: number): Amount {
  if (found?.tokens === 0) return 'unused'
  const nats = found?.worth?.[way]?.nats
  return nats === undefined ? 'missing' : Math.sign(nats) * Math.sqrt(Math.abs(nats) / most)
}

function described(found: ExpertWorth | undefined, way: Way): string {
  const measured = found?.worth?.[way]
  const tokens = found ? `, chosen by ${plural(found.tokens, 'token')}` : ''
  return `${measured ? inWords(measured) : 'not measured'}${tokens}`
}

function inWords({ nats, error }: Worth): string {
  const sign = nats < 0 ? '−' : '+'
  return `${sign}${Math.abs(nats).toFixed(4)}${error === undefined ? '' : ` ± ${error.toFixed(4)}`}`
}

function expertTable({ experts, ways }: Ablation, { includes }: Scope, atlas?: Atlas): TableBlock {
  const worth = ({ worth }: ExpertWorth) => worth?.[ways[0]]?.nats ?? Number.NEGATIVE_INFINITY
  const best = experts.filter((one) => worth(one) > 0 && includes(one)).sort((a, b) => worth(b) - worth(a))
  const rows = best.slice(0, MOST_ROWS).map(({ tokens, worth, ...place }) => {
    const cells = ways.map((way) => (worth?.[way] ? inWords(worth[way]) : ''))
    return { cells: [expertInTable(place, atlas), String(tokens), ...cells] }
  })
  return { type: 'table', title: 'Most valuable experts', head: ['expert', 'tokens', ...ways], rows, empty: 'none' }
}

function layerTable({ layers }: Ablation, { includes }: Scope): TableBlock {
  const rows = layers
    .filter(includes)
    .map(({ kind, layer, worth }) => ({ cells: [`layer ${layer}`, TITLES[kind], inWords(worth)] }))
  const head = ['layer', 'experts', 'off']
  return { type: 'table', title: 'Layers without all their experts', head, rows, empty: '' }
}
