import { plural } from '../../../ground/numbers.js'
import { printable } from '../../../ground/printable.js'
import { type Atlas, nameIn } from '../../atlas/atlas.js'
import { committeesOf } from '../../atlas/committee.js'
import { awakeSentence } from '../../usage/awake.js'
import { findSpecialists, largestOf, NOTABLE, preference, SPECIALISTS, shareOf } from '../../usage/comparison.js'
import type { NamedUsage, TextRoutes } from '../../usage/text-routes.js'
import type { Block, ExpertMap, Figure, MapsBlock, Measure, TableBlock } from '../blocks/figure.js'
import { type FigureOptions, type FigurePart, partsOf, type Scope, scopeOf } from '../blocks/figure-options.js'
import { percent, signedPercent, visibleToken } from '../blocks/labels.js'
import {
  alwaysLine,
  expertInTable,
  expertInWords,
  expertsPerToken,
  gatesLine,
  isNewExpert,
  modelTitle,
  newExpertsLine,
} from './caption.js'
import { committeeTable } from './committee-table.js'
import { specialistSentence, usageCaption } from './usage-caption.js'

/**
 * Draws how one or more texts use the experts of a model: a map of each, the differences between several, and with
 * `tokens` each token with its experts. `renderText`, `renderSvg`, `renderPng` and `renderHtml` render the figure.
 */
export function drawUsage(texts: readonly TextRoutes[], options: FigureOptions = {}): Figure {
  const [{ model }] = texts
  const { title, atlas, colour } = options
  const scope = scopeOf(model.config.mixtures, options)
  const several: FigurePart[] = texts.length > 1 ? ['difference', 'table', 'committee'] : []
  const parts = partsOf(options, ['caption', 'map', ...several, 'committee', 'tokens'], ['caption', 'map', ...several])
  const blocks: Block[] = []
  if (parts.has('map')) blocks.push(usageMaps(texts, { scope, atlas }))
  if (parts.has('difference')) blocks.push(differenceMaps(texts, { scope, atlas }))
  if (parts.has('table')) blocks.push(specialistTable(texts, { scope, atlas }))
  if (parts.has('committee')) {
    blocks.push(committeeTable(committeesOf(texts).filter(scope.includes), texts.length, atlas))
  }
  if (parts.has('tokens')) {
    const { layers, mixtures } = scope
    for (const text of texts) {
      blocks.push({ type: 'tokens', title: `Tokens of ${printable(text.name)}`, text, layers, mixtures })
    }
  }
  const hasCaption = parts.has('caption')
  const isOnPage = options.parts === undefined || parts.has('tokens')
  return {
    title: title ?? `Experts of ${modelTitle(model)}`,
    caption: hasCaption
      ? [expertsPerToken(model), ...alwaysLine(model), ...newExpertsLine(model), ...gatesLine(model)]
      : [],
    sentences: hasCaption ? sentencesOf(texts, atlas) : [],
    blocks,
    ...(isOnPage && { texts, colour }),
  }
}

function sentencesOf(texts: readonly TextRoutes[], atlas?: Atlas): string[] {
  if (texts.length === 1) return [usageCaption(texts[0], atlas).join('; ')]
  return [
    ...specialistSentence(texts),
    ...texts.map(({ name, usage }) => `${printable(name)}: ${awakeSentence(usage)}`),
  ]
}

interface Drawn {
  scope: Scope
  atlas?: Atlas
}

/** Maps of the share of each text's tokens that choose an expert. */
export function usageMaps(texts: readonly NamedUsage[], { scope, atlas }: Partial<Drawn> = {}): MapsBlock {
  const [{ model }] = texts
  const shown = scope ?? scopeOf(model.config.mixtures, {})
  const most = largestOf(texts, shown.includes, (i, place) => shareOf(texts[i], place))
  const maps = texts.map(
    (text): ExpertMap => ({
      ...shown,
      title: `${printable(text.name)}, ${plural(text.usage.tokens, 'token')}`,
      amount: (place) => shareOf(text, place) / most,
      describe: (place) => {
        const taught = isNewExpert(model, place) ? ' (newcomer)' : ''
        return `${expertInWords(place, atlas)}${taught}: ${percent(shareOf(text, place))} of the tokens`
      },
      measures: measuresOf(text),
      isNewExpert: (place) => isNewExpert(model, place),
      nameOf: (place) => nameIn(atlas, place),
    }),
  )
  const meaning = 'share of the tokens that choose the expert'
  return { type: 'maps', maps, scale: { isSigned: false, meaning, from: '0 %', to: percent(most) } }
}

/** The same maps without the numbers beside them. */
export function withoutNumbers(block: MapsBlock): MapsBlock {
  return { ...block, maps: block.maps.map((map) => ({ ...map, measures: [] })) }
}

function measuresOf({ usage }: NamedUsage): Measure[] {
  const measure =
    (of: 'entropy' | 'fairness'): Measure['of'] =>
    ({ kind, layer }) => {
      const layerUsage = usage.of(kind, layer)
      return usage.tokens > 0 && layerUsage.experts > 0 ? layerUsage[of] : undefined
    }
  return [
    {
      name: 'entropy (bits)',
      short: 'bits',
      meaning: 'entropy of the choices in bits: log2 of the number of experts if all are used alike',
      of: measure('entropy'),
    },
    {
      name: 'fairness (Jain)',
      short: 'Jain',
      meaning: 'Jain’s fairness index: 1 if all experts are used alike, 1 / experts if only one is',
      of: measure('fairness'),
    },
  ]
}

/** Maps of the experts that a text uses more or less than the others on average; for two texts a single map. */
function differenceMaps(texts: readonly TextRoutes[], { scope, atlas }: Drawn): MapsBlock {
  const most = largestOf(texts, scope.includes, (i, place) => Math.abs(preference(texts, i, place)))
  const [first, second] = texts.map(({ name }) => printable(name))
  const ofTwo = texts.length === 2
  const maps = texts.slice(0, ofTwo ? 1 : texts.length).map(
    (text, i): ExpertMap => ({
      ...scope,
      title: `${printable(text.name)} against ${ofTwo ? second : 'the others'}`,
      amount: (place) => preference(texts, i, place) / most,
      describe: (place) =>
        `${expertInWords(place, atlas)}: ${signedPercent(preference(texts, i, place))} of the tokens`,
      measures: [],
    }),
  )
  const meaning = ofTwo
    ? `share in ${first} less that in ${second}`
    : 'share in the text less the mean of those in the others'
  return { type: 'maps', maps, scale: { isSigned: true, meaning, from: signedPercent(-most), to: signedPercent(most) } }
}

function specialistTable(texts: readonly TextRoutes[], { scope, atlas }: Drawn): TableBlock {
  const rows = findSpecialists(texts, SPECIALISTS, scope.includes).map(
    ({ text, share, elsewhere, tokens, ...place }) => {
      const { name, model } = texts[text]
      const expert = `${expertInTable(place, atlas)}${isNewExpert(model, place) ? ' (new)' : ''}`
      return {
        cells: [expert, printable(name), percent(share), percent(elsewhere)],
        words: tokens.map(({ token, count }) => `${visibleToken(model.textOf(token))} ×${count}`),
      }
    },
  )
  return {
    type: 'table',
    title: `Most specialised experts: shares that differ by more than ${NOTABLE} standard errors`,
    head: ['expert', 'text', 'there', 'elsewhere', 'tokens that wake it most'],
    rows,
    empty: 'none: texts of this length could show all differences by chance',
  }
}
