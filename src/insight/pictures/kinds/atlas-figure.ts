import { formatPercent, plural } from '../../../ground/numbers.js'
import { printable } from '../../../ground/printable.js'
import { MIXTURE_KINDS } from '../../../model/config/config.js'
import type { Atlas, AtlasEntry, AtlasToken } from '../../atlas/atlas.js'
import { type Figure, type MapMixture, type TableBlock, TITLES } from '../blocks/figure.js'
import { type FigureOptions, partsOf, scopeOf } from '../blocks/figure-options.js'
import { percent, visibleToken } from '../blocks/labels.js'
import { committeeTable } from './committee-table.js'

/** Draws an atlas as tables: a row for each expert with its name, share, kinds of text and tokens. */
export function drawAtlas(atlas: Atlas, options: FigureOptions = {}): Figure {
  const shape = MIXTURE_KINDS.flatMap((kind): MapMixture[] => {
    const experts = atlas.model.experts[kind]
    return experts ? [{ kind, experts }] : []
  })
  const { layers, mixtures, includes } = scopeOf(shape, options)
  const parts = partsOf(options, ['caption', 'table', 'committee'], ['caption', 'table', 'committee'])
  const blocks = layers.flatMap((layer) =>
    mixtures.flatMap(({ kind }): TableBlock[] => {
      const entries = atlas.entries[kind]?.[layer] ?? []
      if (entries.length === 0) return []
      const rows = entries.map(({ name = '-', share, tokens, texts, labels = [] }, expert) => ({
        cells: [String(expert), name, percent(share), texts.slice(0, 1).map(lifted).join('') || '-'],
        words: wordsOf(labels.length > 0 ? labels.map(shareOfLabel) : tokens.map(lifted)),
      }))
      const head = ['expert', 'name', 'share', 'kind of text', hasLabels(entries) ? 'labels' : 'tokens']
      return [{ type: 'table', title: `Layer ${layer}, ${TITLES[kind]}`, head, rows, empty: '' }]
    }),
  )
  const committees = mixtures.flatMap(({ kind }) =>
    (atlas.committees[kind] ?? []).flatMap((one, layer) => {
      if (!one) return []
      return [{ ...one, kind, layer, always: [], members: one.experts.map((expert) => ({ expert })) }]
    }),
  )
  const texts = atlas.texts.map(({ name, tokens }) => `${printable(name)} (${tokens.toLocaleString('en-US')})`)
  const ofLayers = committees.filter(includes).sort((a, b) => a.layer - b.layer)
  const caption = [
    survivedLine(atlas),
    `tokens of the texts: ${texts.join(', ')}`,
    '×2 means: twice as often among the expert’s tokens as by chance, measured in the second half of the texts',
    ...(hasLabels(Object.values(atlas.entries).flat(2)) ? [LABELS] : []),
  ]
  return {
    title: options.title ?? `Names of the experts of ${printable(atlas.model.name)}`,
    caption: parts.has('caption') ? caption : [],
    blocks: [
      ...(parts.has('table') ? blocks : []),
      ...(parts.has('committee') ? [committeeTable(ofLayers, atlas.texts.length, atlas)] : []),
    ],
  }
}

/** The share of names that held: `190 of 191 names held in the other half of the texts (99.5 %)`. */
export function survivedLine({ named, confirmed }: Pick<Atlas, 'named' | 'confirmed'>): string {
  if (named === 0) return 'no expert prefers any tokens or text clearly enough for a name'
  return `${confirmed} of ${plural(named, 'name')} held in the other half of the texts (${formatPercent(confirmed / named)})`
}

const LABELS = 'a label has the share of the expert’s tokens that it adds to the labels before it'

function hasLabels(entries: readonly AtlasEntry[]): boolean {
  return entries.some(({ labels = [] }) => labels.length > 0)
}

/** A label of an expert, with the share of its tokens: `code: digits 35 %`. */
export function shareOfLabel({ text, share }: { text: string; share: number }): string {
  return `${printable(text)} ${percent(share)}`
}

function wordsOf(words: string[]): string[] {
  return words.length > 0 ? words : ['none confirmed']
}

function lifted({ text, lift }: AtlasToken): string {
  return `${visibleToken(text)} ×${lift.toFixed(1)}`
}
