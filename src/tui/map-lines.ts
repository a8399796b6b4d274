import type { MixtureKind } from '../model/config.js'
import { visibleToken } from '../pictures/visible-token.js'
import { cellWidth, fit } from '../terminal/cell-width.js'
import type { CellPainter } from './map-colours.js'
import { type Fold, folded, foldLanes, GAP, type Room } from './map-fold.js'
import type { TokenMap } from './token-map.js'

/** What a lane says in place of cells where no layer in it has experts. */
const DENSE = 'dense'

/** Widest label of a token, in front of its lane. */
const TOKEN_LABEL = 12

export interface MapOptions {
  /** Whether tokens before the shown one still glow. */
  fades?: boolean
  /** Which keys change what is shown: the end of the title, where there is room. */
  keys?: string
}

/** The map as lines that fit the room, its title first; none where it is off or there is no room. */
export function mapLines(
  map: TokenMap,
  room: Room,
  painter: CellPainter,
  { fades = false, keys }: MapOptions = {},
): string[] {
  if (map.mode === 'off' || map.kinds.length === 0 || room.height < 2) return []
  const inside = { width: room.width, height: room.height - 1 }
  const drawing = map.mode === 'layer' ? tokensOfLayer(map, inside, painter) : lanes(map, inside, painter, fades)
  const { notes, dense = [], lines } = drawing
  const head = [...notes, title(map), ...(dense.length > 0 ? [`dense: ${ranges(dense)}`] : [])].join(' · ')
  const whole = keys ? `${head} · ${keys}` : head
  return [cellWidth(whole) <= room.width ? whole : fit(head, room.width), ...lines]
}

/** Lines that the map takes in a window which leaves it at most `most`. */
export function mapHeight(map: TokenMap, most: number): number {
  if (map.mode === 'off' || map.kinds.length === 0) return 0
  // The tokens of a layer fill what there is from the beginning, lest the map grow with each.
  return map.mode === 'layer' ? most : Math.min(most, 1 + map.layers)
}

/** What is drawn below the title, and what the title must say of it. */
interface Drawing {
  notes: string[]
  lines: string[]
  /** Layers without experts whose lane has no room to say so. */
  dense?: number[]
}

function title(map: TokenMap): string {
  const { mode, shown, selected, shownIndex, layer } = map
  const kinds = mode === 'layer' ? map.kindsOf(layer) : map.kinds
  const names = kinds.join(', ')
  if (mode === 'usage') return `usage of experts by ${map.usage.tokens} tokens: ${names}`
  if (mode === 'layer') return kinds.length > 0 ? `a row per token: ${names}` : `${DENSE}: it has no experts`
  if (!shown) return `experts, a row per layer: ${names}`
  const which = selected === undefined ? 'the newest token' : `token ${shownIndex + 1} of ${map.tokens.length}`
  return `experts of ${which} "${visibleToken(shown.text)}": ${names}`
}

/** A lane per layer, folded where there is too little room: several layers in a line, or several experts in a cell. */
function lanes(map: TokenMap, room: Room, painter: CellPainter, fades: boolean): Drawing {
  const { layers, kinds, selected } = map
  const isWalking = selected !== undefined
  const label = String(layers - 1).length + 2
  const experts = kinds.map((kind) => map.mostExperts(kind))
  const inColour = painter.depth !== 'none'
  const fold = foldLanes({ layers, experts, label, around: map.layer, inColour, exact: isWalking }, room)
  if (!fold) return { notes: ['too narrow for a map'], lines: [] }
  const { perCell, perLine, blocks, lines, from, to } = fold

  const lane = (i: number, layer: number) =>
    folded(layer < to ? map.amounts(kinds[i], layer, fades) : new Float32Array(0), perCell[i], experts[i])
  const line = (layer: number) => {
    const isLookedAt = layer <= map.layer && map.layer < layer + perLine
    const number = `${isWalking && isLookedAt ? '›' : ' '}${String(layer).padStart(label - 2)} `
    const panels = kinds.map((_, i) => {
      const of = Array.from({ length: perLine }, (_, below) => lane(i, layer + below))
      return panel(of, fold, painter)
    })
    return number + panels.join(' '.repeat(GAP))
  }
  const drawn = Array.from({ length: lines }, (_, row) => {
    const starts = Array.from({ length: blocks }, (_, block) => from + (block * lines + row) * perLine)
    const inLine = starts.filter((layer) => layer < to).map(line)
    return inLine.join(' '.repeat(GAP))
  })
  const notes = [...(to - from < layers ? [`layers ${from}-${to - 1} of ${layers}`] : []), ...cellNotes(kinds, perCell)]
  const shown = Array.from({ length: to - from }, (_, i) => from + i)
  const dense = perLine === 2 ? shown.filter((layer) => map.kindsOf(layer).length === 0) : []
  return { notes, lines: drawn, dense }
}

/** Says which cells stand for several experts. */
function cellNotes(kinds: readonly MixtureKind[], perCell: readonly number[]): string[] {
  if (perCell.every((count) => count === 1)) return []
  if (perCell.every((count) => count === perCell[0])) return [`${perCell[0]} per cell`]
  const several = kinds.flatMap((kind, i) => (perCell[i] > 1 ? [`${perCell[i]} ${kind}`] : []))
  return [`${several.join(', ')} per cell`]
}

/** `0-2, 40` for 0, 1, 2 and 40. */
function ranges(layers: readonly number[]): string {
  const starts = layers.filter((layer) => !layers.includes(layer - 1))
  const ends = layers.filter((layer) => !layers.includes(layer + 1))
  return starts.map((start, i) => (ends[i] === start ? String(start) : `${start}-${ends[i]}`)).join(', ')
}

/** The lanes of one kind that share a line. */
function panel(lanes: Float32Array[], { cell }: Pick<Fold, 'cell'>, painter: CellPainter): string {
  const width = Math.ceil(lanes[0].length * cell)
  if (lanes.every((amounts) => amounts.every(Number.isNaN))) return fit(DENSE, width).padEnd(width)
  if (cell === 0.5) return painter.narrowRow(lanes[0])
  return lanes.length === 2 ? painter.stackedRows(lanes[0], lanes[1], cell) : painter.row(lanes[0], cell)
}

/** One layer: a row per token, the newest last, with its experts from left to right. */
function tokensOfLayer(map: TokenMap, room: Room, painter: CellPainter): Drawing {
  const { layer, selected, shownIndex } = map
  const kinds = map.kindsOf(layer)
  const note = `layer ${layer} of ${map.layers}`
  const blank = new Array<string>(room.height).fill('')
  if (kinds.length === 0) return { notes: [note], lines: blank }
  const label = Math.min(TOKEN_LABEL, Math.floor(room.width / 4))
  const experts = kinds.map((kind) => map.experts(kind, layer))
  const shape = { layers: 1, experts, label: label + 2, around: 0, inColour: painter.depth !== 'none', exact: true }
  const fold = foldLanes(shape, { width: room.width, height: 1 })
  if (!fold) return { notes: [note, 'too narrow for a map'], lines: blank }

  const last = selected === undefined ? shownIndex : Math.min(map.tokens.length - 1, shownIndex + (room.height >> 1))
  const first = Math.max(0, last + 1 - room.height)
  const lines = map.tokens.slice(first, last + 1).map(({ text }, i) => {
    const index = first + i
    const panels = kinds.map((kind, k) => {
      const amounts = map.gates(kind, layer, index).map(Math.sqrt)
      return panel([folded(amounts, fold.perCell[k], experts[k])], fold, painter)
    })
    const name = fit(visibleToken(text), label)
    const mark = index === selected ? '›' : ' '
    return `${mark}${name}${' '.repeat(label - cellWidth(name) + 1)}${panels.join(' '.repeat(GAP))}`
  })
  const notes = [note, ...cellNotes(kinds, fold.perCell)]
  return { notes, lines: [...lines, ...blank].slice(0, room.height) }
}
