import { visibleToken } from '../pictures/visible-token.js'
import { fit } from '../terminal/cell-width.js'
import type { CellPainter } from './map-colours.js'
import type { TokenMap } from './token-map.js'

/** Room for a drawing, in characters. */
export interface Room {
  width: number
  height: number
}

const GAP = '  '

/** The map as lines that fit the room, its title first; none where it is off or there is no room. */
export function mapLines(map: TokenMap, room: Room, painter: CellPainter): string[] {
  if (map.mode === 'off' || room.height < 2) return []
  const inside = { width: room.width, height: room.height - 1 }
  const lines = map.mode === 'layer' ? layerOverTime(map, inside, painter) : lanes(map, inside, painter)
  return [fit(title(map), room.width), ...lines]
}

/** Lines that the map would like to have. */
export function mapHeight(map: TokenMap, colour: boolean): number {
  if (map.mode === 'off') return 0
  if (map.mode === 'newest' || map.mode === 'usage') return 1 + map.layers
  const experts = map.kinds.reduce((sum, kind) => sum + map.gates(kind, map.layer).length, 0)
  return 1 + (colour ? Math.ceil(experts / 2) : experts)
}

function title(map: TokenMap): string {
  const { mode, shown, selected, shownIndex, layer } = map
  const kinds = map.kinds.join(', ')
  if (mode === 'usage') return `usage of experts by ${map.usage.tokens} tokens: ${kinds}`
  if (mode === 'layer') return `layer ${layer}, tokens from left to right: ${kinds}`
  if (!shown) return `experts, a row per layer: ${kinds}`
  const which = selected === undefined ? 'the newest token' : `token ${shownIndex + 1} of ${map.tokens.length}`
  return `experts of ${which} "${visibleToken(shown.text)}": ${kinds}`
}

/** A lane a layer. Where there is too little room, two layers share a line or two experts a character. */
function lanes(map: TokenMap, { width, height }: Room, painter: CellPainter): string[] {
  const labelWidth = String(map.layers - 1).length + 2
  const widths = map.kinds.map((kind) => most(map, (layer) => map.gates(kind, layer).length))
  const experts = widths.reduce((sum, width) => sum + width, 0)
  const room = width - labelWidth - GAP.length * (widths.length - 1)
  const cell = 2 * experts <= room ? 2 : 1
  const inColour = painter.depth !== 'none'
  const isNarrow = experts > room && inColour
  const isStacked = map.layers > height && inColour && !isNarrow
  const line = (layer: number) => {
    const panels = map.kinds.map((kind, i) => {
      const amounts = padded(map.amounts(kind, layer), widths[i])
      if (isNarrow) return painter.narrowRow(amounts)
      if (!isStacked) return painter.row(amounts, cell)
      const below = layer + 1 < map.layers ? map.amounts(kind, layer + 1) : new Float32Array(0)
      return painter.stackedRows(amounts, padded(below, widths[i]), cell)
    })
    const isLookedAt = layer === map.layer || (isStacked && layer + 1 === map.layer)
    const mark = isLookedAt && map.selected !== undefined ? '›' : ' '
    const text = `${mark}${String(layer).padStart(labelWidth - 2)} ${panels.join(GAP)}`
    return inColour ? text : fit(text, width)
  }
  const step = isStacked ? 2 : 1
  return window(map.layers, step, height, map.layer).map(line)
}

/** First layers of the lines that fit: all of them, else those around the layer that is looked at. */
function window(layers: number, step: number, height: number, around: number): number[] {
  const lines = Math.ceil(layers / step)
  const shown = Math.min(lines, height)
  const first = Math.min(lines - shown, Math.max(0, Math.floor(around / step) - (shown >> 1)))
  return Array.from({ length: shown }, (_, i) => (first + i) * step)
}

/** One layer: tokens from left to right, the newest last; experts from top to bottom, first attention, then MLP. */
function layerOverTime(map: TokenMap, { width, height }: Room, painter: CellPainter): string[] {
  const columns = Math.min(map.shownIndex + 1, width)
  const first = map.shownIndex + 1 - columns
  const rows: Float32Array[] = []
  for (const kind of map.kinds) {
    const gates = Array.from({ length: columns }, (_, i) => map.gates(kind, map.layer, first + i).map(Math.sqrt))
    const experts = map.gates(kind, map.layer).length
    for (let expert = 0; expert < experts; expert++) rows.push(Float32Array.from(gates, (token) => token[expert]))
  }
  if (painter.depth === 'none') return rows.slice(0, height).map((row) => painter.row(row, 1))
  const lines = Array.from({ length: Math.ceil(rows.length / 2) }, (_, i) => {
    return painter.stackedRows(rows[2 * i], rows[2 * i + 1] ?? new Float32Array(columns), 1)
  })
  return lines.slice(0, height)
}

function padded(amounts: Float32Array, length: number): Float32Array {
  if (amounts.length === length) return amounts
  const all = new Float32Array(length)
  all.set(amounts)
  return all
}

function most(map: TokenMap, of: (layer: number) => number): number {
  return Math.max(...Array.from({ length: map.layers }, (_, layer) => of(layer)))
}
