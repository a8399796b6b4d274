import { visibleToken } from '../../pictures/visible-token.js'
import { cellWidth, fit } from '../../terminal/cell-width.js'
import { inverse, styled } from '../../terminal/style.js'
import { glowOf } from './amounts.js'
import type { CellPainter } from './cell-painter.js'
import { foldLanes, type Room, SINGLE_FORMS, SPARSE_FORMS } from './fold.js'
import { cellNotes, labelsFor, labelsHeight, legendLine, type MapOptions, titleLine, titleOf } from './head.js'
import { beside, drawPanel, namesLine, numbersLine, panelsOf } from './panels.js'
import type { TokenMap } from './token-map.js'

/** Maximum columns of a token's text in front of its lane. */
const TOKEN_LABEL = 12

/** Draws one layer, with a row for each token, the newest last. Always fills the height of the room. */
export function oneLayerLines(map: TokenMap, room: Room, painter: CellPainter, { keys }: MapOptions): string[] {
  const { layer, selected, shownIndex } = map
  const kinds = map.kindsOf(layer)
  const note = `layer ${layer} of ${map.layers}`
  const filled = (lines: string[]) => Array.from({ length: room.height }, (_, i) => lines[i] ?? '')
  if (kinds.length === 0) return filled([fit(`${note} · dense: it has no experts`, room.width)])
  const label = Math.min(TOKEN_LABEL, Math.floor(room.width / 4))
  const experts = kinds.map((kind) => map.experts(kind, layer))
  const forms = [...SINGLE_FORMS, ...SPARSE_FORMS.filter(({ perLine, cell }) => perLine === 1 && cell < 1)]
  const lanes = { layers: 1, experts, label: label + 2, around: 0, forms, mostPerCell: 1, exact: true }
  const fold = foldLanes(lanes, { width: room.width, height: 1 })
  if (!fold) return filled([fit(`${note} · too narrow for a map`, room.width)])

  const labels = labelsFor(room.height, room.height)
  const height = room.height - labelsHeight(labels)
  const panels = panelsOf(kinds, experts, fold)
  const last = selected === undefined ? shownIndex : Math.min(map.tokens.length - 1, shownIndex + (height >> 1))
  const first = Math.max(0, last + 1 - height)
  const rows = map.tokens.slice(first, last + 1).map(({ text }, i) => {
    const index = first + i
    const drawn = panels.map((panel) => {
      return drawPanel(panel, [glowOf(map, panel.kind, layer, index)], painter)
    })
    const name = fit(visibleToken(text), label)
    const shown = index === selected ? inverse(name) : name
    return `${index === selected ? '›' : ' '}${shown}${' '.repeat(label - cellWidth(name) + 1)}${beside(drawn)}`
  })
  const blank = new Array<string>(height - rows.length).fill('')
  const above = (text: string) => styled(`${' '.repeat(label + 2)}${text}`.trimEnd(), 'dim', painter.depth)
  const head = [note, ...cellNotes(kinds, fold.perCell), titleOf(map)]
  return [
    titleLine(head, keys, room.width, painter),
    ...(labels.names ? [above(namesLine(panels))] : []),
    ...(labels.numbers ? [above(numbersLine(panels, (kind, expert) => map.isNewcomer(kind, expert)))] : []),
    ...rows,
    ...(labels.legend
      ? [legendLine(map, painter, room.width, { notes: labels.numbers && map.hasNewcomers ? ['+ newcomer'] : [] })]
      : []),
    ...blank,
  ]
}
