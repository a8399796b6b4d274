import type { TextRoutes } from '../experts/text-routes.js'
import { sequential, toHex } from './palette.js'
import { DENSE, type Drawing, escapeXml, label } from './svg-grid.js'
import { visibleToken } from './visible-token.js'

/** Tokens that fit a picture that is still read. */
const MOST = 120
const CELL = 11
/** Height of an expert's row, by how many a layer has at most: pictures of large models are tall enough. */
const ROWS = [
  { experts: 32, height: 3 },
  { experts: 64, height: 2 },
  { experts: Number.POSITIVE_INFINITY, height: 1 },
]
const LABELS = 34
const HEAD = 74
const LAYER_GAP = 5
const LABEL_HEIGHT = 14

/** Tokens from left to right; for each layer the lanes of its mixtures below one another, lit by gate. */
export function tokenPanel(text: TextRoutes, textOf: (token: number) => string): Drawing {
  const shown = Math.min(MOST, text.tokens.length)
  const row = rowHeight(text)
  const lanes = lanesOf(text, row)
  const parts = text.tokens.slice(0, shown).map((token, i) => {
    const x = LABELS + i * CELL + 8
    return `<text transform="translate(${x} ${HEAD - 4}) rotate(-60)">${escapeXml(visibleToken(textOf(token)).slice(0, 12))}</text>`
  })
  for (const { y, experts } of lanes.rows) {
    const size = `width="${shown * CELL}" height="${experts * row}"`
    parts.push(`<rect x="${LABELS}" y="${y}" ${size} fill="${toHex(sequential(0))}"/>`)
  }
  for (const { layer, y, isDense } of lanes.layers) {
    parts.push(label(LABELS - 20, y + 10, isDense ? `${layer}  ${DENSE}` : String(layer)))
  }
  for (let i = 0; i < shown; i++) {
    const routes = text.at(i)
    for (const { kind, layer, y } of lanes.rows) {
      const { ids = [], gates = [] } = routes[layer][kind] ?? {}
      ids.forEach((expert, slot) => {
        const place = `x="${LABELS + i * CELL}" y="${y + expert * row}" width="${CELL - 1}" height="${row}"`
        const title = `${visibleToken(textOf(text.tokens[i]))}: layer ${layer}, ${kind} expert ${expert}, gate ${gates[slot].toFixed(3)}`
        const fill = toHex(sequential(0.25 + 0.75 * gates[slot]))
        parts.push(`<rect ${place} fill="${fill}"><title>${escapeXml(title)}</title></rect>`)
      })
    }
  }
  if (shown < text.tokens.length) parts.push(label(0, 10, `the first ${shown} of ${text.tokens.length} tokens`))
  return { markup: parts.join('\n'), width: LABELS + shown * CELL + 40, height: lanes.end }
}

function rowHeight({ usage }: TextRoutes): number {
  const most = Math.max(...usage.mixtures.flatMap(({ layers }) => layers.map(({ experts }) => experts)))
  return ROWS.find(({ experts }) => most <= experts)?.height ?? 1
}

function lanesOf({ usage }: TextRoutes, row: number) {
  let y = HEAD
  const layers: { layer: number; y: number; isDense: boolean }[] = []
  const rows = Array.from({ length: usage.layers }, (_, layer) => {
    const present = usage.mixtures.filter(({ layers }) => layers[layer].experts > 0)
    const isDense = present.length === 0
    layers.push({ layer, y, isDense })
    const lanes = present.map(({ kind, layers }) => {
      const { experts } = layers[layer]
      const lane = { kind, layer, y, experts }
      y += experts * row + 1
      return lane
    })
    y += isDense ? LABEL_HEIGHT : LAYER_GAP
    return lanes
  }).flat()
  return { layers, rows, end: y }
}
