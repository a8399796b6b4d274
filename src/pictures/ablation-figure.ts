import type { Ablation, ExpertWorth } from '../ablation/ablate.js'
import type { Way } from '../ablation/ways.js'
import type { Worth } from '../ablation/worth.js'
import type { Atlas } from '../experts/atlas.js'
import type { MixtureKind } from '../model/config.js'
import { plural } from '../numbers.js'
import { printable } from '../printable.js'
import { bracketedName, modelTitle } from './caption.js'
import type { Amount, ExpertMap, Figure, MapMixture, MapsBlock, TableBlock } from './figure.js'
import { TITLES } from './figure.js'
import { type FigureOptions, partsOf, type Scope, scopeOf } from './figure-options.js'

/** Titles of the maps. */
const WAYS: Record<Way, string> = {
  off: 'off: its output becomes 0',
  around: 'routed around: tokens use the next best expert of the layer',
  mean: 'mean: its output becomes the mean output of the layer’s experts',
}

/** Rows of the table of experts. */
const MOST_ROWS = 15

/** Draws the worth of each expert: a map for each way of taking it away, the most valuable experts, and the layers. */
export function drawAblation(ablation: Ablation, options: FigureOptions = {}): Figure {
  const { model, texts, tokens, parts, loss } = ablation
  const read = `${texts.map((name) => printable(name)).join(', ')}: ${plural(tokens, 'predicted token')} in ${plural(parts, 'part')}, loss ${loss.toFixed(3)} nats per token`
  const errors = parts > 1 ? '± two standard errors' : 'without errors, since the text has one part only'
  const meaning = `worth: rise of the loss without the expert, in nats per token, ${errors}`
  const shown = partsOf(options, ['caption', 'map', 'table'], ['caption', 'map', 'table'])
  const scope = scopeOf(layersOfModel(ablation), { ...options, layers: options.layers ?? measuredLayers(ablation) })
  return {
    title: options.title ?? `Worth of the experts of ${modelTitle(model)}`,
    caption: shown.has('caption') ? [surprise(ablation, options.atlas), meaning, read] : [],
    blocks: [
      ...(shown.has('map') ? [worthMaps(ablation, scope)] : []),
      ...(shown.has('table') ? [expertTable(ablation, scope, options.atlas), layerTable(ablation, scope)] : []),
    ],
  }
}

/** Kinds that were measured, with all their layers. */
function layersOfModel({ experts, model: { config } }: Ablation): MapMixture[] {
  const kinds = config.mixtures.filter(({ kind }) => experts.some((one) => one.kind === kind))
  return kinds.map(({ kind, experts: counts }) => ({ kind, layers: counts.map((count) => ({ experts: count })) }))
}

function measuredLayers({ experts }: Ablation): number[] {
  return [...new Set(experts.map(({ layer }) => layer))]
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

function worthMaps({ experts, ways }: Ablation, { mixtures, layers, includes }: Scope): MapsBlock {
  const byPlace = new Map(experts.map((one) => [placeOf(one.kind, one.layer, one.expert), one]))
  const most = Math.max(
    1e-9,
    ...experts.flatMap(({ worth = {} }) => Object.values(worth).map(({ nats }) => Math.abs(nats))),
  )
  const maps = ways.map((way): ExpertMap => {
    const of = (kind: MixtureKind, layer: number, expert: number) => byPlace.get(placeOf(kind, layer, expert))
    return {
      title: WAYS[way],
      mixtures,
      layers,
      amount: (kind, layer, expert) => amountOf(of(kind, layer, expert), way, most),
      describe: (kind, layer, expert) => {
        const found = of(kind, layer, expert)
        return `layer ${layer}, ${kind} expert ${expert}: ${found ? described(found, way) : 'not measured'}`
      },
      measures: [],
    }
  })
  const amounts = maps.flatMap((map) =>
    experts.filter(includes).map(({ kind, layer, expert }) => map.amount(kind, layer, expert)),
  )
  const marks = {
    ...(amounts.includes('unused') && { unused: 'chosen by no token' }),
    ...(amounts.includes('missing') && { missing: 'not measured' }),
  }
  const ends = { from: `−${most.toFixed(3)}`, to: `+${most.toFixed(3)}` }
  return {
    type: 'maps',
    maps,
    scale: { isSigned: true, meaning: 'worth in nats per token (square roots)', ...ends, marks },
  }
}

/** Square roots, because a few experts are worth much more than all others. */
function amountOf(found: ExpertWorth | undefined, way: Way, most: number): Amount {
  if (found?.tokens === 0) return 'unused'
  const nats = found?.worth?.[way]?.nats
  return nats === undefined ? 'missing' : Math.sign(nats) * Math.sqrt(Math.abs(nats) / most)
}

function described({ tokens, worth }: ExpertWorth, way: Way): string {
  const measured = worth?.[way]
  return `${measured ? inWords(measured) : 'not measured'}, chosen by ${plural(tokens, 'token')}`
}

function inWords({ nats, error }: Worth): string {
  const sign = nats < 0 ? '−' : '+'
  return `${sign}${Math.abs(nats).toFixed(4)}${error === undefined ? '' : ` ± ${error.toFixed(4)}`}`
}

function expertTable({ experts, ways }: Ablation, { includes }: Scope, atlas?: Atlas): TableBlock {
  const [first] = ways
  const worth = ({ worth }: ExpertWorth) => worth?.[first]?.nats ?? Number.NEGATIVE_INFINITY
  const rows = experts
    .filter((one) => worth(one) > 0 && includes(one))
    .sort((a, b) => worth(b) - worth(a))
    .slice(0, MOST_ROWS)
    .map(({ tokens, worth, ...place }) => {
      const { kind, layer, expert } = place
      const cells = ways.map((way) => (worth?.[way] ? inWords(worth[way]) : ''))
      return { cells: [`layer ${layer} ${kind} ${expert}${bracketedName(atlas, place)}`, String(tokens), ...cells] }
    })
  return {
    type: 'table',
    title: 'Most valuable experts',
    head: ['expert', 'tokens', ...ways],
    rows,
    empty: 'none',
  }
}

function layerTable({ layers }: Ablation, { includes }: Scope): TableBlock {
  const rows = layers
    .filter(includes)
    .map(({ kind, layer, worth }) => ({ cells: [`layer ${layer}`, TITLES[kind], inWords(worth)] }))
  return {
    type: 'table',
    title: 'Layers without all their experts',
    head: ['layer', 'experts', 'off'],
    rows,
    empty: '',
  }
}

function placeOf(kind: MixtureKind, layer: number, expert: number): string {
  return `${layer}:${kind}:${expert}`
}
