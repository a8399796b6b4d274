import {
  findSpecialists,
  largestPreference,
  largestShare,
  NOTABLE,
  preference,
  SPECIALISTS,
  shareOf,
} from '../experts/comparison.js'
import type { NamedUsage, TextRoutes } from '../experts/text-routes.js'
import type { MixtureKind } from '../model/config.js'
import { plural } from '../numbers.js'
import { printable } from '../printable.js'
import { alwaysLine, expertsPerToken, isNewExpert, modelTitle, newExpertsLine } from './caption.js'
import type { Block, ExpertMap, Figure, MapsBlock, Measure, TableBlock } from './figure.js'
import { percent, signedPercent } from './percent.js'
import { visibleToken } from './visible-token.js'

/**
 * Draws how one or more texts use the experts of a model: a map of each, the differences between several, and with
 * `tokens` each token with its experts. `renderText`, `renderSvg`, `renderPng` and `renderHtml` render the figure.
 */
export function drawUsage(texts: readonly TextRoutes[], options: { tokens?: boolean } = {}): Figure {
  const [{ model }] = texts
  const blocks: Block[] = [usageMaps(texts)]
  if (texts.length > 1) blocks.push(differenceMaps(texts), specialistTable(texts))
  if (options.tokens) {
    for (const text of texts) blocks.push({ type: 'tokens', title: `Tokens of ${printable(text.name)}`, text })
  }
  return {
    title: `Experts of ${modelTitle(model)}`,
    caption: [expertsPerToken(model), ...alwaysLine(model), ...newExpertsLine(model)],
    blocks,
    texts,
  }
}

/** Maps of the share of each text's tokens that choose an expert. */
export function usageMaps(texts: readonly NamedUsage[]): MapsBlock {
  const most = largestShare(texts)
  const [{ model }] = texts
  const maps = texts.map((text): ExpertMap => {
    const { usage } = text
    return {
      title: `${printable(text.name)}, ${plural(usage.tokens, 'token')}`,
      mixtures: usage.mixtures,
      amount: (kind, layer, expert) => shareOf(text, { kind, layer, expert }) / most,
      describe: (kind, layer, expert) =>
        `layer ${layer}, ${kind} expert ${expert}${isNewExpert(model, kind, layer, expert) ? ' (newcomer)' : ''}: ${percent(shareOf(text, { kind, layer, expert }))} of the tokens`,
      measures: measuresOf(text),
      isNewExpert: (kind, layer, expert) => isNewExpert(model, kind, layer, expert),
    }
  })
  const meaning = 'share of the tokens that choose the expert'
  return { type: 'maps', maps, scale: { isSigned: false, meaning, from: '0 %', to: percent(most) } }
}

function measuresOf({ usage }: NamedUsage): Measure[] {
  const measure = (of: 'entropy' | 'fairness'): Measure['of'] => {
    return (kind, layer) => (usage.of(kind, layer).experts > 0 ? usage.of(kind, layer)[of] : undefined)
  }
  return [
    { name: 'entropy, bits', short: 'bits', of: measure('entropy') },
    { name: 'fairness', short: 'fair', of: measure('fairness') },
  ]
}

/** Maps of the experts that a text uses more or less than the others on average; for two texts a single map. */
export function differenceMaps(texts: readonly TextRoutes[]): MapsBlock {
  const most = largestPreference(texts)
  const [first, second] = texts.map(({ name }) => printable(name))
  const ofTwo = texts.length === 2
  const maps = texts.slice(0, ofTwo ? 1 : texts.length).map((text, i): ExpertMap => {
    const by = (kind: MixtureKind, layer: number, expert: number) => preference(texts, i, { kind, layer, expert })
    return {
      title: `${printable(text.name)} against ${ofTwo ? second : 'the others'}`,
      mixtures: text.usage.mixtures,
      amount: (kind, layer, expert) => by(kind, layer, expert) / most,
      describe: (kind, layer, expert) =>
        `layer ${layer}, ${kind} expert ${expert}: ${signedPercent(by(kind, layer, expert))} of the tokens`,
      measures: [],
    }
  })
  const meaning = ofTwo
    ? `share in ${first} less that in ${second}`
    : 'share in the text less the mean of those in the others'
  const scale = { isSigned: true, meaning, from: signedPercent(-most), to: signedPercent(most) }
  return { type: 'maps', maps, scale }
}

export function specialistTable(texts: readonly TextRoutes[]): TableBlock {
  const rows = findSpecialists(texts, SPECIALISTS).map(({ kind, layer, expert, text, share, elsewhere, tokens }) => ({
    cells: [
      `layer ${layer} ${kind} ${expert}${isNewExpert(texts[text].model, kind, layer, expert) ? ' (new)' : ''}`,
      printable(texts[text].name),
      percent(share),
      percent(elsewhere),
    ],
    words: tokens.map(({ token, count }) => `${visibleToken(texts[text].model.textOf(token))} ×${count}`),
  }))
  return {
    type: 'table',
    title: 'Most specialised experts',
    head: ['expert', 'text', 'there', 'elsewhere', 'tokens that wake it most'],
    rows,
    empty: `none: no share differs by more than ${NOTABLE} standard errors, which short texts could also show by chance`,
  }
}
