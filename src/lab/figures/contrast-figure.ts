import { plural } from '../../ground/numbers.js'
import { printable } from '../../ground/printable.js'
import type { Atlas } from '../../insight/atlas/atlas.js'
import type { ExpertMap, Figure, MapsBlock, TableBlock } from '../../insight/pictures/blocks/figure.js'
import { type FigureOptions, partsOf, type Scope, scopeOf } from '../../insight/pictures/blocks/figure-options.js'
import { percent } from '../../insight/pictures/blocks/labels.js'
import {
  bracketedName,
  expertInTable,
  expertInWords,
  expertsPerToken,
  modelTitle,
} from '../../insight/pictures/kinds/caption.js'
import { type ExpertPlace, maskSpecOf } from '../../insight/usage/awake.js'
import type { Contrast, ContrastedExpert } from '../contrast/contrast.js'
import { confirmedExperts } from '../contrast/contrast-forms.js'
import type { Difference } from '../contrast/paired-test.js'

const MOST_ROWS = 24

/**
 * Draws a contrast: how often each expert wakes for a and for b, the differences that the second half confirms, and a
 * table of these. `renderText`, `renderSvg`, `renderPng` and `renderHtml` render the figure.
 */
export function drawContrast(contrast: Contrast, options: FigureOptions = {}): Figure {
  const { model, pairs, tokens } = contrast
  const [a, b] = contrast.names.map((name) => printable(name))
  const shown = partsOf(options, ['caption', 'map', 'table'], ['caption', 'map', 'table'])
  const scope = scopeOf(model.config.mixtures, options)
  const read = `${plural(pairs, 'pair')} of texts, ${tokens[0]} tokens of ${a} and ${tokens[1]} of ${b}`
  return {
    title: options.title ?? `${a} against ${b}: experts of ${modelTitle(model)}`,
    caption: shown.has('caption') ? [sentenceOf(contrast, options.atlas), read, expertsPerToken(model)] : [],
    blocks: [
      ...(shown.has('map') ? [rateMaps(contrast, scope), differenceMap(contrast, scope)] : []),
      ...(shown.has('table') ? [expertTable(contrast, scope, options.atlas)] : []),
    ],
  }
}

function sentenceOf(contrast: Contrast, atlas?: Atlas): string {
  const { experts, names } = contrast
  const found = experts.filter(({ isFound }) => isFound).length
  const confirmed = confirmedExperts(contrast)
  const [best] = confirmed
  const count = `one half of the pairs finds ${found} of ${experts.length} experts, the other confirms ${confirmed.length}`
  if (!best) return count
  const [more, less] = best.rate.mean > 0 ? names : [names[1], names[0]]
  const [high, low] = best.rates.toSorted((one, other) => other - one)
  const name = `layer ${best.layer}’s ${best.kind} expert ${best.expert}${bracketedName(atlas, best)}`
  return `${name} wakes for ${percent(high)} of the tokens of ${printable(more)}, ${percent(low)} of ${printable(less)}; ${count}`
}

function rateMaps({ experts, names }: Contrast, scope: Scope): MapsBlock {
  const at = byPlace(experts)
  const most = Math.max(1e-9, ...experts.flatMap(({ rates }) => rates))
  const maps = names.map(
    (name, side): ExpertMap => ({
      ...scope,
      title: printable(name),
      amount: (place) => at(place).rates[side] / most || 'unused',
      describe: (place) => `${expertInWords(place)}: ${percent(at(place).rates[side])} of the tokens`,
      measures: [],
    }),
  )
  const marks = { unused: 'chosen by no token' }
  return {
    type: 'maps',
    maps,
    scale: { isSigned: false, meaning: 'tokens that choose the expert', from: '0 %', to: percent(most), marks },
  }
}

function differenceMap({ experts, names: [a, b] }: Contrast, scope: Scope): MapsBlock {
  const at = byPlace(experts)
  const most = Math.max(
    1e-9,
    ...experts.filter(({ isConfirmed }) => isConfirmed).map(({ rate }) => Math.abs(rate.mean)),
  )
  const map: ExpertMap = {
    ...scope,
    title: `difference, ${printable(a)} less ${printable(b)}`,
    amount: (place) => (at(place).isConfirmed ? at(place).rate.mean / most : 'unused'),
    describe: (place) =>
      `${expertInWords(place)}: ${inWords(at(place).rate)}${at(place).isConfirmed ? '' : ', not confirmed'}`,
    measures: [],
  }
  const marks = { unused: 'no confirmed difference' }
  const scale = { isSigned: true, meaning: 'difference of the shares', from: signed(-most), to: signed(most), marks }
  return { type: 'maps', maps: [map], scale }
}

function expertTable(contrast: Contrast, { includes }: Scope, atlas?: Atlas): TableBlock {
  const rows = confirmedExperts(contrast)
    .filter(includes)
    .slice(0, MOST_ROWS)
    .map(({ rates, rate, gate, ...place }) => ({
      cells: [expertInTable(place, atlas), ...rates.map(percent), inWords(rate), inWords(gate)],
    }))
  const [a, b] = contrast.names.map((name) => printable(name))
  const head = ['expert', a, b, 'difference ± error', 'of the mean gate']
  return { type: 'table', title: 'Confirmed experts', head, rows, empty: 'none' }
}

function byPlace(experts: readonly ContrastedExpert[]): (place: ExpertPlace) => ContrastedExpert {
  const found = new Map(experts.map((one) => [maskSpecOf(one), one]))
  return (place) => {
    const one = found.get(maskSpecOf(place))
    if (!one) throw new RangeError(`no contrast of ${expertInWords(place)}`)
    return one
  }
}

function inWords({ mean, error }: Difference): string {
  return `${signed(mean)} ± ${(100 * error).toFixed(1)}`
}

function signed(share: number): string {
  return `${share < 0 ? '−' : '+'}${(100 * Math.abs(share)).toFixed(1)} %`
}
