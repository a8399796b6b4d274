import { cellWidth, fit } from '../../ground/output/cell-width.js'
import { inverse, styled } from '../../ground/output/style.js'
import { visibleToken } from '../../insight/pictures/blocks/labels.js'
import { glowOf, struckOf } from './amounts.js'
import type { CellPainter } from './cell-painter.js'
import { FORMS, type Fold, foldLanes, GAP, GAP_WITH_NAME, type Room, withNames } from './fold.js'
import { ALL_LABELS, frameAround, labelsFor, type MapOptions, titleOf } from './frame.js'
import { beside, drawPanel, headLines, panelsOf } from './panels.js'
import type { TokenMap } from './token-map.js'

/** Maximum columns of a token's text in front of its lane. */
const TOKEN_LABEL = 12
/** Rows that go before a caption and a second head. */
const LEAST_ROWS = 6

/** Draws one layer, with a row for each token, the newest last. Always fills the height of the room. */
export function oneLayerLines(map: TokenMap, room: Room, painter: CellPainter, { keys }: MapOptions): string[] {
  const { layer, selected, shownIndex } = map
  const kinds = map.kindsOf(layer)
  const note = `layer ${layer} of ${map.layers}`
  const filled = (lines: string[]) => Array.from({ length: room.height }, (_, i) => lines[i] ?? '')
  if (kinds.length === 0) return filled([fit(`${note} · dense: it has no experts`, room.width)])
  const label = labelWidth(room)
  const experts = kinds.map((kind) => map.experts(kind, layer))
  const narrow = foldOf(map, room)
  if (!narrow) return filled([fit(`${note} · too narrow for a map`, room.width)])

  const labels = labelsFor(room.height, Math.max(LEAST_ROWS, room.height - ALL_LABELS))
  const fold = labels.heads === 1 ? withNames(narrow, foldOf(map, room, GAP_WITH_NAME)) : narrow
  const height = room.height - labels.lines
  const panels = panelsOf(kinds, experts, fold)
  const last = selected === undefined ? shownIndex : Math.min(map.tokens.length - 1, shownIndex + (height >> 1))
  const first = Math.max(0, last + 1 - height)
  const rows = map.tokens.slice(first, last + 1).map(({ text }, i) => {
    const index = first + i
    const drawn = panels.map((panel) => {
      const glow = glowOf(map, panel.kind, layer, index)
      return drawPanel(panel, [glow], painter, { struck: struckOf(map, panel.kind, layer, glow) })
    })
    const name = fit(visibleToken(text), label)
    const shown = index === selected ? inverse(name) : name
    return `${index === selected ? '›' : ' '}${shown}${' '.repeat(label - cellWidth(name) + 1)}${beside(drawn, fold.gap)}`
  })
  const blank = new Array<string>(height - rows.length).fill('')
  const head = (text: string) => styled(text.trimEnd(), 'dim', painter.depth)
  const around = { label: label + 2, gap: fold.gap, word: '' }
  const title = [note, titleOf(map)]
  const { above, below } = frameAround(map, painter, room.width, labels, { kinds, fold, title, keys })
  return [...above, ...headLines(panels, labels.heads, around, map).map(head), ...rows, ...below, ...blank]
}

/** Columns of an expert's cell in these rows; 0 if they have no room. */
export function cellOfRow(map: TokenMap, room: Room): number {
  return foldOf(map, room)?.cell ?? 0
}

function foldOf(map: TokenMap, room: Room, gap = GAP): Fold | undefined {
  const { layer } = map
  const experts = map.kindsOf(layer).map((kind) => map.experts(kind, layer))
  const lanes = { layers: 1, experts, label: labelWidth(room) + 2, gap, around: 0, forms: FORMS.single, mostPerCell: 1 }
  return foldLanes(lanes, { width: room.width, height: 1 })
}

function labelWidth({ width }: Room): number {
  return Math.min(TOKEN_LABEL, Math.floor(width / 4))
}
