import type { Atlas, AtlasToken } from '../experts/atlas.js'
import { MIXTURE_KINDS } from '../model/config.js'
import { formatPercent, plural } from '../numbers.js'
import { printable } from '../printable.js'
import { tableOf } from './committee-table.js'
import { type Figure, type TableBlock, TITLES } from './figure.js'
import { percent } from './percent.js'
import { visibleToken } from './visible-token.js'

/** Draws an atlas as tables: a row for each expert with its name, share, kinds of text and tokens. */
export function drawAtlas(atlas: Atlas): Figure {
  const kinds = MIXTURE_KINDS.filter((kind) => atlas.entries[kind])
  const layers = Math.max(...kinds.map((kind) => atlas.entries[kind]?.length ?? 0))
  const blocks = Array.from({ length: layers }, (_, layer) => layer).flatMap((layer) =>
    kinds.flatMap((kind): TableBlock[] => {
      const entries = atlas.entries[kind]?.[layer] ?? []
      if (entries.length === 0) return []
      const rows = entries.map(({ name = '-', share, tokens, texts }, expert) => ({
        cells: [String(expert), name, percent(share), texts.slice(0, 1).map(lifted).join('') || '-'],
        words: tokens.map(lifted),
      }))
      const head = ['expert', 'name', 'share', 'kind of text', 'tokens']
      return [{ type: 'table', title: `Layer ${layer}, ${TITLES[kind]}`, head, rows, empty: '' }]
    }),
  )
  const committees = kinds.flatMap((kind) =>
    (atlas.committees[kind] ?? []).flatMap((one, layer) => {
      if (!one) return []
      const members = one.experts.map((expert) => ({ expert, name: atlas.entries[kind]?.[layer]?.[expert]?.name }))
      return [{ ...one, kind, layer, always: [], members }]
    }),
  )
  const texts = atlas.texts.map(({ name, tokens }) => `${printable(name)} (${tokens.toLocaleString('en-US')})`)
  return {
    title: `Names of the experts of ${printable(atlas.model.name)}`,
    caption: [
      survivedLine(atlas),
      `tokens of the texts: ${texts.join(', ')}`,
      '×2 means: twice as often among the expert’s tokens as by chance, measured in the second half of the texts',
    ],
    blocks: [
      ...blocks,
      tableOf(
        committees.sort((a, b) => a.layer - b.layer),
        atlas.texts.length,
      ),
    ],
  }
}

/** The share of names that held: `190 of 191 names held in the other half of the texts (99.5 %)`. */
export function survivedLine({ named, confirmed }: Pick<Atlas, 'named' | 'confirmed'>): string {
  if (named === 0) return 'no expert prefers any tokens or text clearly enough for a name'
  return `${confirmed} of ${plural(named, 'name')} held in the other half of the texts (${formatPercent(confirmed / named)})`
}

function lifted({ text, lift }: AtlasToken): string {
  return `${visibleToken(text)} ×${lift.toFixed(1)}`
}
