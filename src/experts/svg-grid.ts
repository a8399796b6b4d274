import { type Rgb, toHex } from './palette.js'
import type { TextRoutes } from './text-routes.js'
import { EXPERT_KINDS, type ExpertKind } from './usage.js'

/** A piece of an SVG image with its size in user units. */
export interface Drawing {
  markup: string
  width: number
  height: number
}

/** How the cell of an expert looks, and what is said of it. */
export type CellStyle = (kind: ExpertKind, layer: number, expert: number) => { colour: Rgb; title: string }

const CELL = 14
const GAP = 28
const LABELS = 34
const HEAD = 20
const MEASURES = 150

/** A row a layer: its attention experts, its MLP experts, and what was measured of them. */
export function layerGrid({ usage }: TextRoutes, style: CellStyle, options: { measures: boolean }): Drawing {
  const starts = panelStarts(usage)
  const parts = EXPERT_KINDS.map((kind, i) =>
    label(starts[i], 12, kind === 'mlp' ? 'MLP experts' : 'attention experts'),
  )
  if (options.measures) parts.push(label(starts[2], 12, 'entropy, bits'), label(starts[2] + 84, 12, 'fairness'))
  for (const [layer] of usage.attention.entries()) {
    const y = HEAD + layer * CELL
    const cells = EXPERT_KINDS.map((kind, i) =>
      rowOfCells(kind, layer, starts[i], y, usage[kind][layer].experts, style),
    )
    const measures = options.measures ? measuresOf(usage, layer, starts[2], y) : ''
    const name = `<text x="${LABELS - 6}" y="${y + 11}" text-anchor="end">${layer}</text>`
    parts.push(`<g class="layer" data-layer="${layer}">${name}${cells.join('')}${measures}</g>`)
  }
  const width = starts[2] + (options.measures ? MEASURES : 0)
  return { markup: parts.join('\n'), width, height: HEAD + usage.attention.length * CELL }
}

/** Where the panels of attention and MLP begin, and where the second ends. */
function panelStarts(usage: TextRoutes['usage']): [number, number, number] {
  const [attention, mlp] = EXPERT_KINDS.map((kind) => CELL * Math.max(...usage[kind].map(({ experts }) => experts)))
  const second = LABELS + Math.max(attention, 110) + GAP
  return [LABELS, second, second + Math.max(mlp, 80) + GAP]
}

function rowOfCells(kind: ExpertKind, layer: number, x: number, y: number, experts: number, style: CellStyle): string {
  return Array.from({ length: experts }, (_, expert) => {
    const { colour, title } = style(kind, layer, expert)
    const place = `x="${x + expert * CELL}" y="${y}" width="${CELL - 1}" height="${CELL - 1}"`
    const name = `data-expert="${kind} ${layer} ${expert}"`
    return `<rect ${place} rx="2" fill="${toHex(colour)}" ${name}><title>${escapeXml(title)}</title></rect>`
  }).join('')
}

function measuresOf(usage: TextRoutes['usage'], layer: number, x: number, y: number): string {
  const [attention, mlp] = EXPERT_KINDS.map((kind) => usage[kind][layer])
  const entropy = `${attention.entropy.toFixed(2)}  ${mlp.entropy.toFixed(2)}`
  const fairness = `${attention.fairness.toFixed(2)}  ${mlp.fairness.toFixed(2)}`
  return label(x, y + 11, entropy) + label(x + 84, y + 11, fairness)
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

export function escapeXml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replace(/\p{Cc}/gu, '\u{fffd}')
}
