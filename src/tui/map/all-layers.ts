import { fit } from '../../terminal/cell-width.js'
import { styled } from '../../terminal/style.js'
import { amountsOf, glowOf } from './amounts.js'
import type { CellPainter } from './cell-painter.js'
import { DENSE_FORMS, type Fold, foldLanes, GAP, type Room, SINGLE_FORMS, SPARSE_FORMS } from './fold.js'
import { cellNotes, labelsFor, labelsHeight, legendLine, type MapOptions, titleLine, titleOf } from './head.js'
import { beside, drawPanel, namesLine, numbersLine, panelsOf } from './panels.js'
import type { TokenMap } from './token-map.js'

/** The heading of the layers' numbers, if there is room for a word. */
const WORD = 'layer '
/** Maximum experts per cell: a colour says more than a shade. */
const MOST_PER_CELL = { colour: 12, plain: 4 }
/** Minimum columns of a map beside the text: its title and legend need them. */
const LEAST_SIDE = 66

/** Draws a lane for each layer, folded to fit the room (fold.ts). */
export function allLayersLines(map: TokenMap, room: Room, painter: CellPainter, options: MapOptions): string[] {
  const { layers, kinds, selected, mode } = map
  const { fades, isStreaming, keys } = options
  const labels = labelsFor(room.height, layers)
  const inside = { width: room.width, height: room.height - labelsHeight(labels) }
  const { fold, label } = foldWithLabel(map, inside, painter)
  if (!fold) return [fit(`too narrow for a map · ${titleOf(map, isStreaming)}`, room.width)]
  const { perLine, blocks, lines, from, to } = fold
  const experts = kinds.map((kind) => map.mostExperts(kind))
  const panels = panelsOf(kinds, experts, fold)
  const marks = mode === 'usage' && selected !== undefined

  const line = (layer: number) => {
    const isLookedAt = selected !== undefined && layer <= map.layer && map.layer < layer + perLine
    const drawn = panels.map((panel) => {
      const of = Array.from({ length: perLine }, (_, below) => {
        return layer + below < to ? amountsOf(map, panel.kind, layer + below, fades ?? false) : new Float32Array(0)
      })
      return drawPanel(panel, of, painter, marks ? glowOf(map, panel.kind, layer) : undefined)
    })
    return `${isLookedAt ? '›' : ' '}${String(layer).padStart(label - 2)} ${beside(drawn)}`
  }
  const starts = Array.from({ length: blocks }, (_, block) => from + block * lines * perLine).filter((at) => at < to)
  const drawn = Array.from({ length: lines }, (_, row) => {
    const inLine = starts.map((start) => start + row * perLine).filter((layer) => layer < to)
    return beside(inLine.map(line))
  })
  const above = (text: string, word = '') => {
    return styled(beside(starts.map(() => word.padEnd(label) + text)).trimEnd(), 'dim', painter.depth)
  }
  const shown = Array.from({ length: to - from }, (_, i) => from + i)
  const dense = perLine > 1 ? shown.filter((layer) => map.kindsOf(layer).length === 0) : []
  const head = [
    ...(shown.length < layers ? [`layers ${from}-${to - 1} of ${layers}`] : []),
    ...cellNotes(kinds, fold.perCell),
    titleOf(map, isStreaming),
    ...(dense.length > 0 ? [`dense: ${ranges(dense)}`] : []),
  ]
  const taught = labels.numbers && map.hasNewcomers ? ['+ newcomer'] : []
  const notes = perLine > 1 ? [`per sign: ${perLine} layers${fold.cell < 1 ? ', 2 experts' : ''}`, ...taught] : taught
  return [
    titleLine(head, keys, room.width, painter),
    ...(labels.names ? [above(namesLine(panels), label === WORD.length ? WORD : '')] : []),
    ...(labels.numbers ? [above(numbersLine(panels, (kind, expert) => map.isNewcomer(kind, expert)))] : []),
    ...drawn,
    ...(labels.legend ? [legendLine(map, painter, room.width, { fades, marks, notes, hasShades: perLine === 1 })] : []),
  ]
}

/** Possible rooms of a map beside the text, within `most`, most legible first: with a line per layer, or per two. */
export function sideRooms(map: TokenMap, most: Room): Room[] {
  const around = labelsHeight(labelsFor(most.height, map.layers))
  const rooms = [1, 2].flatMap((perLine) => {
    const height = Math.ceil(map.layers / perLine) + around
    return [2, 1].map((cell) => {
      const lane = map.kinds.reduce((sum, kind) => sum + map.mostExperts(kind) * cell + GAP, WORD.length - GAP)
      return { width: Math.max(LEAST_SIDE, lane), height }
    })
  })
  return rooms.filter(({ width, height }) => width <= most.width && height <= most.height)
}

/** Height of a map below the text that may have `most` lines. */
export function heightBelow(map: TokenMap, most: number): number {
  return Math.min(most, map.layers + labelsHeight(labelsFor(most, map.layers)))
}

/** The fold, and the columns in front of each lane: those of the heading, if every layer has a line of its own. */
function foldWithLabel(map: TokenMap, room: Room, painter: CellPainter): { fold?: Fold; label: number } {
  const roomy = foldOf(map, room, painter, WORD.length)
  if (roomy && roomy.perLine * roomy.blocks === 1 && roomy.to - roomy.from === map.layers) {
    return { fold: roomy, label: WORD.length }
  }
  const label = String(map.layers - 1).length + 2
  return { fold: foldOf(map, room, painter, label), label }
}

function foldOf(map: TokenMap, room: Room, painter: CellPainter, label: number): Fold | undefined {
  const inColour = painter.depth !== 'none'
  const isWalking = map.selected !== undefined
  const denseForms = isWalking || !inColour ? SINGLE_FORMS : DENSE_FORMS
  const lanes = {
    layers: map.layers,
    experts: map.kinds.map((kind) => map.mostExperts(kind)),
    label,
    around: map.layer,
    forms: map.mode === 'usage' ? denseForms : SPARSE_FORMS,
    mostPerCell: inColour ? MOST_PER_CELL.colour : MOST_PER_CELL.plain,
    exact: isWalking,
  }
  return foldLanes(lanes, room)
}

/** Writes 0, 1, 2 and 40 as `0-2, 40`. */
function ranges(layers: readonly number[]): string {
  const starts = layers.filter((layer) => !layers.includes(layer - 1))
  const ends = layers.filter((layer) => !layers.includes(layer + 1))
  return starts.map((start, i) => (ends[i] === start ? String(start) : `${start}-${ends[i]}`)).join(', ')
}
