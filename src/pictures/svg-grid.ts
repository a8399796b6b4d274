import type { TextRoutes } from '../experts/text-routes.js'
import type { MixtureKind } from '../model/config.js'
import { printableText } from '../printable.js'
import type { Rgb } from '../terminal/colours.js'
import { toHex } from './palette.js'

/** A piece of an SVG image with its size in user units. */
export interface Drawing {
  markup: string
  width: number
  height: number
}

/** How the cell of an expert looks, and what is said of it. */
export type CellStyle = (kind: MixtureKind, layer: number, expert: number) => { colour: Rgb; title: string }

/** What stands in place of cells where a layer has none. */
export const DENSE = 'dense'

const CELL = 14
const GAP = 28
const LABELS = 34
const HEAD = 20
const MEASURES = 150

/** Least width of a panel, which its title needs. */
const LEAST_PANEL: Record<MixtureKind, number> = { attention: 110, mlp: 80 }
/** What the experts of a mixture are called in pictures. */
export const TITLES: Record<MixtureKind, string> = { attention: 'attention experts', mlp: 'MLP experts' }

/** A row per layer: the experts of each mixture, and what was measured of them. */
export function layerGrid({ usage }: TextRoutes, style: CellStyle, options: { measures: boolean }): Drawing {
  const { starts, end } = panelsOf(usage)
  const parts = usage.mixtures.map(({ kind }, i) => label(starts[i], 12, TITLES[kind]))
  if (options.measures) parts.push(label(end, 12, 'entropy, bits'), label(end + 84, 12, 'fairness'))
  for (let layer = 0; layer < usage.layers; layer++) {
    const y = HEAD + layer * CELL
    const cells = usage.mixtures.map(({ kind, layers }, i) =>
      rowOfCells(kind, layer, starts[i], y, layers[layer].experts, style),
    )
    const measures = options.measures ? measuresOf(usage, layer, end, y) : ''
    const name = `<text x="${LABELS - 6}" y="${y + 11}" text-anchor="end">${layer}</text>`
    parts.push(`<g class="layer" data-layer="${layer}">${name}${cells.join('')}${measures}</g>`)
  }
  const width = end + (options.measures ? MEASURES : 0)
  return { markup: parts.join('\n'), width, height: HEAD + usage.layers * CELL }
}

/** Where the panel of each mixture begins, and where what is beside them does. */
function panelsOf({ mixtures }: TextRoutes['usage']): { starts: number[]; end: number } {
  let end = LABELS
  const starts = mixtures.map(({ kind, layers }) => {
    const start = end
    end += Math.max(LEAST_PANEL[kind], ...layers.map(({ experts }) => CELL * experts)) + GAP
    return start
  })
  return { starts, end }
}

function rowOfCells(kind: MixtureKind, layer: number, x: number, y: number, experts: number, style: CellStyle): string {
  if (experts === 0) return label(x, y + 11, DENSE)
  return Array.from({ length: experts }, (_, expert) => {
    const { colour, title } = style(kind, layer, expert)
    const place = `x="${x + expert * CELL}" y="${y}" width="${CELL - 1}" height="${CELL - 1}"`
    const name = `data-expert="${kind} ${layer} ${expert}"`
    return `<rect ${place} rx="2" fill="${toHex(colour)}" ${name}><title>${escapeXml(title)}</title></rect>`
  }).join('')
}

function measuresOf(usage: TextRoutes['usage'], layer: number, x: number, y: number): string {
  const of = (measure: 'entropy' | 'fairness') =>
    usage.mixtures.map(({ layers }) => (layers[layer].experts > 0 ? layers[layer][measure].toFixed(2) : '–')).join('  ')
  return label(x, y + 11, of('entropy')) + label(x + 84, y + 11, of('fairness'))
}

/** A bar of the colours between two amounts. */
export function colourScale(colour: (at: number) => Rgb, from: string, to: string): Drawing {
  const steps = 32
  const bars = Array.from({ length: steps }, (_, i) => {
    return `<rect x="${LABELS + i * 4}" y="0" width="4.5" height="8" fill="${toHex(colour(i / (steps - 1)))}"/>`
  })
  const end = LABELS + steps * 4 + 8
  const markup = `${bars.join('')}${label(end, 8, `${from} to ${to}`)}`
  return { markup, width: end + 6.2 * (from.length + to.length + 4), height: 12 }
}

export function label(x: number, y: number, text: string, style = ''): string {
  return `<text x="${x}" y="${y}"${style && ` class="${style}"`} xml:space="preserve">${escapeXml(text)}</text>`
}

/** Drawings below one another. */
export function stack(drawings: readonly Drawing[], gap: number): Drawing {
  let y = 0
  const placed = drawings.map(({ markup, height }) => {
    const group = `<g transform="translate(0 ${y})">${markup}</g>`
    y += height + gap
    return group
  })
  return { markup: placed.join('\n'), width: Math.max(...drawings.map(({ width }) => width)), height: y - gap }
}

/** Text of a picture or page, on one line. */
export function escapeXml(text: string): string {
  return printableText(text.replace(/[\n\t]/g, '\u{fffd}'))
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}
