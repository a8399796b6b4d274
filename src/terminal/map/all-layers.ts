import { fit } from '../../ground/output/cell-width.js'
import type { ExpertPlace } from '../../insight/usage/awake.js'
import { amountsOf, glowOf, struckOf } from './amounts.js'
import type { CellPainter } from './cell-painter.js'
import { FORMS, type Fold, foldLanes, GAP, GAP_WITH_NAME, type Room, withNames } from './fold.js'
import { ALL_LABELS, frameAround, labelsFor, leastLabels, type MapOptions, titleOf } from './frame.js'
import { beside, drawPanel, headLines, type Panel, panelsOf, withNumber } from './panels.js'
import type { TokenMap } from './token-map.js'

/** The heading of the layers' numbers, if there is room for a word. */
const WORD = 'layer '
/** Maximum experts per cell: a colour says more than a shade. */
const MOST_PER_CELL = { colour: 12, plain: 4 }
/** Minimum columns of a map beside the text: its title and legend need them. */
const LEAST_SIDE = 66

/** Draws a lane for each layer, folded to fit the room (fold.ts). */
export function allLayersLines(map: TokenMap, room: Room, plain: CellPainter, options: MapOptions): string[] {
  const { layers, kinds, selected, mode, cursor } = map
  const { fades, isStreaming, keys } = options
  const { fold: narrow, label: least } = foldWithLabel(map, room, plain)
  if (!narrow) return [fit(`too narrow for a map · ${titleOf(map, isStreaming)}`, room.width)]
  const { perLine, blocks, lines, from, to } = narrow
  const painter = plain.forForm(narrow)
  const labels = labelsFor(room.height, lines)
  const hasNames = labels.heads === 1 && kinds.length > 1
  const wide = hasNames ? foldIn(map, room, plain, WORD.length, GAP_WITH_NAME) : undefined
  const fold = withNames(narrow, wide)
  const label = fold === wide ? WORD.length : least
  const experts = kinds.map((kind) => map.mostExperts(kind))
  const panels = panelsOf(kinds, experts, fold)
  const marks = mode === 'usage' && selected !== undefined

  const line = (layer: number) => {
    const isLookedAt = selected !== undefined && layer <= map.layer && map.layer < layer + perLine
    const drawn = panels.map((panel) => {
      const { kind } = panel
      const of = Array.from({ length: perLine }, (_, below) => {
        return layer + below < to ? amountsOf(map, kind, layer + below, fades) : new Float32Array(0)
      })
      // On cells of several experts the marks would be everywhere.
      const marked = marks && panel.perCell === 1 ? glowOf(map, kind, layer) : undefined
      return drawPanel(panel, of, painter, { marked, struck: struckOf(map, kind, layer, of[0]) })
    })
    return `${isLookedAt ? '›' : ' '}${String(layer).padStart(label - 2)} ${beside(drawn, fold.gap)}`
  }
  const starts = Array.from({ length: blocks }, (_, block) => from + block * lines * perLine).filter((at) => at < to)
  const drawn = Array.from({ length: lines }, (_, row) => {
    const inLine = starts.map((start) => start + row * perLine).filter((layer) => layer < to)
    return beside(inLine.map(line))
  })
  const around = { label, gap: fold.gap, word: label === WORD.length ? WORD : '' }
  const heads = headLines(panels, labels.heads, around, map).map((text, at, { length }) => {
    const whole = beside(starts.map(() => text)).trimEnd()
    const column = cursor && at === length - 1 && isPlain(fold) ? label + columnOf(panels, fold.gap, cursor) : undefined
    return withNumber(whole, cursor?.expert, column, room.width, painter.depth)
  })
  const shown = Array.from({ length: to - from }, (_, i) => from + i)
  const dense = perLine > 1 ? shown.filter((layer) => map.kindsOf(layer).length === 0) : []
  const title = [
    ...(shown.length < layers ? [`layers ${from}-${to - 1} of ${layers}`] : []),
    titleOf(map, isStreaming),
    ...(dense.length > 0 ? [`dense: ${ranges(dense)}`] : []),
  ]
  const { above, below } = frameAround(map, painter, room.width, labels, { kinds, fold, title, fades, marks, keys })
  return [...above, ...heads, ...drawn, ...below]
}

/** How the map shows layers: `cell` is the columns of a cell if each has a line with numbers above, else 0. */
export function laneForm(map: TokenMap, room: Room, painter: CellPainter): { cell: number; painter: CellPainter } {
  const { fold } = foldWithLabel(map, room, painter)
  if (!fold) return { cell: 0, painter }
  const isNumbered = isPlain(fold) && labelsFor(room.height, fold.lines).heads > 0
  return { cell: isNumbered ? fold.cell : 0, painter: painter.forForm(fold) }
}

/** Possible rooms of a map beside the text, within `most`, most legible first: with a line per layer, or per two. */
export function sideRooms(map: TokenMap, most: Room): Room[] {
  if (!map.isOn) return []
  const least = leastLabels(most.height).lines
  const rooms = [1, 2].flatMap((perLine) => {
    const lanes = Math.ceil(map.layers / perLine)
    const height = Math.min(lanes + ALL_LABELS, Math.max(most.height, lanes + least))
    return [2, 1].map((cell) => {
      const lane = map.kinds.reduce((sum, kind) => sum + map.mostExperts(kind) * cell + GAP, WORD.length - GAP)
      return { width: Math.max(LEAST_SIDE, lane), height }
    })
  })
  return rooms.filter(({ width, height }) => width <= most.width && height <= most.height)
}

export function heightBelow(map: TokenMap, most: number): number {
  return Math.min(most, map.layers + ALL_LABELS)
}

/** Whether each layer has a line, and each expert a cell. */
function isPlain({ perLine, blocks, cell, perCell }: Fold): boolean {
  return perLine * blocks === 1 && cell >= 1 && perCell.every((count) => count === 1)
}

/** Columns before an expert's cell in a line of panels. */
function columnOf(panels: readonly Panel[], gap: number, { kind, expert }: ExpertPlace): number {
  const at = panels.findIndex((panel) => panel.kind === kind)
  const before = panels.slice(0, at).reduce((sum, { experts, cell }) => sum + experts * cell + gap, 0)
  return before + expert * panels[at].cell
}

/** The fold, and the columns in front of each lane: as many as the heading has, if no two layers share a line. */
function foldWithLabel(map: TokenMap, room: Room, painter: CellPainter): { fold?: Fold; label: number } {
  const roomy = foldIn(map, room, painter, WORD.length)
  if (roomy && roomy.perLine * roomy.blocks === 1 && roomy.to - roomy.from === map.layers) {
    return { fold: roomy, label: WORD.length }
  }
  const label = String(map.layers - 1).length + 2
  return { fold: foldIn(map, room, painter, label), label }
}

function foldIn(map: TokenMap, { width, height }: Room, painter: CellPainter, label: number, gap = GAP) {
  const inColour = painter.depth !== 'none'
  const forms = inColour ? FORMS.dense : FORMS.single
  const lanes = {
    layers: map.layers,
    experts: map.kinds.map((kind) => map.mostExperts(kind)),
    label,
    gap,
    around: map.layer,
    forms: map.mode === 'usage' ? forms : FORMS.sparse,
    mostPerCell: inColour ? MOST_PER_CELL.colour : MOST_PER_CELL.plain,
  }
  return foldLanes(lanes, { width, height: height - leastLabels(height).lines })
}

/** Writes 0, 1, 2 and 40 as `0-2, 40`. */
function ranges(layers: readonly number[]): string {
  const starts = layers.filter((layer) => !layers.includes(layer - 1))
  const ends = layers.filter((layer) => !layers.includes(layer + 1))
  return starts.map((start, i) => (ends[i] === start ? String(start) : `${start}-${ends[i]}`)).join(', ')
}
