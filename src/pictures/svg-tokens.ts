import type { TextRoutes } from '../experts/text-routes.js'
import { sequential, toHex } from './palette.js'
import { type Drawing, escapeXml, label } from './svg-grid.js'
import { visibleToken } from './visible-token.js'

/** Tokens that fit a picture that is still read. */
const MOST = 120
const CELL = 11
const ROW = 3
const LABELS = 34
const HEAD = 74
const LAYER_GAP = 5

/** Tokens from left to right; for each layer the lanes of its mixtures below one another, lit by gate. */
export function tokenPanel(text: TextRoutes, textOf: (token: number) => string): Drawing {
  const shown = Math.min(MOST, text.tokens.length)
  const lanes = lanesOf(text)
  const parts = text.tokens.slice(0, shown).map((token, i) => {
    const x = LABELS + i * CELL + 8
    return `<text transform="translate(${x} ${HEAD - 4}) rotate(-60)">${escapeXml(visibleToken(textOf(token)).slice(0, 12))}</text>`
  })
  for (const { layer, y, experts, isFirst } of lanes.rows) {
    const size = `width="${shown * CELL}" height="${experts * ROW}"`
    parts.push(`<rect x="${LABELS}" y="${y}" ${size} fill="${toHex(sequential(0))}"/>`)
    if (isFirst) parts.push(label(LABELS - 20, y + 10, String(layer)))
  }
  for (let i = 0; i < shown; i++) {
    const routes = text.at(i)
    for (const { kind, layer, y } of lanes.rows) {
      const { ids = [], gates = [] } = routes[layer][kind] ?? {}
      ids.forEach((expert, slot) => {
        const place = `x="${LABELS + i * CELL}" y="${y + expert * ROW}" width="${CELL - 1}" height="${ROW}"`
        const title = `${visibleToken(textOf(text.tokens[i]))}: layer ${layer}, ${kind} expert ${expert}, gate ${gates[slot].toFixed(3)}`
        const fill = toHex(sequential(0.25 + 0.75 * gates[slot]))
        parts.push(`<rect ${place} fill="${fill}"><title>${escapeXml(title)}</title></rect>`)
      })
    }
  }
  if (shown < text.tokens.length) parts.push(label(0, 10, `the first ${shown} of ${text.tokens.length} tokens`))
  return { markup: parts.join('\n'), width: LABELS + shown * CELL + 40, height: lanes.end }
}

function lanesOf({ usage }: TextRoutes) {
  let y = HEAD
  const rows = Array.from({ length: usage.layers }, (_, layer) => {
    const present = usage.mixtures.filter(({ layers }) => layers[layer].experts > 0)
    const lanes = present.map(({ kind, layers }, i) => {
      const { experts } = layers[layer]
      const lane = { kind, layer, y, experts, isFirst: i === 0 }
      y += experts * ROW + 1
      return lane
    })
    y += LAYER_GAP
    return lanes
  }).flat()
  return { rows, end: y }
}
