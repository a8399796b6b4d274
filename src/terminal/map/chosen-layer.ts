import type { ExpertPlace } from '../../lab/experts/usage/awake.js'
import { evenChunk } from '../../lab/pictures/outputs/text-map.js'
import type { MixtureKind } from '../../model/config/config.js'
import { amountsOf, glowOf, struckOf } from './amounts.js'
import type { CellPainter } from './cell-painter.js'
import { GAP } from './fold.js'
import { withNumber } from './head.js'
import { beside, drawPanel, NAMES, numbersOf, type Panel, widthOf } from './panels.js'
import type { TokenMap } from './token-map.js'

/** Experts of one kind that are side by side, with their columns each. */
interface CellPiece {
  kind: MixtureKind
  /** The first expert, and the one after the last. */
  from: number
  to: number
  cell: 1 | 2
  /** In front of the cells, with a blank at its end. */
  label: string
  /** The end of the experts below the numbers, in this row and rows without numbers after it; 0 in such a row. */
  numberedTo: number
}

/** Pieces side by side. */
type Row = readonly CellPiece[]

/**
 * Drawings of the chosen layer with a cell for each of its experts and numbers above them, most legible first: two columns
 * per expert, one, several lines. None is wider than `width`.
 */
export function* chosenLayerForms(map: TokenMap, width: number, painter: CellPainter): Generator<string[]> {
  const prefix = prefixOf(map)
  for (const rows of arrangements(map, width - prefix.length)) {
    if (rows.some((row) => prefix.length + widthOfRow(row) > width)) continue
    yield rows.flatMap((row, at) => linesOf(map, row, at === 0, width, painter))
  }
}

/** The most columns per expert that the width allows for the chosen layer; 0 if its kinds need several lines. */
export function widestCell(map: TokenMap, width: number): 0 | 1 | 2 {
  const room = width - prefixOf(map).length
  const fits = (cell: 1 | 2) => map.kindsOf(map.layer).every((kind) => widthOfRow([whole(map, kind, cell)]) <= room)
  return ([2, 1] as const).find(fits) ?? 0
}

function prefixOf({ layer }: TokenMap): string {
  return `layer ${layer} `
}

function arrangements(map: TokenMap, room: number): Row[][] {
  const kinds = map.kindsOf(map.layer)
  const together = (cell: 1 | 2) => [kinds.map((kind) => whole(map, kind, cell))]
  const apart = (cell: 1 | 2) => kinds.map((kind) => [whole(map, kind, cell)])
  const wrapped = (hasNumbers: boolean) => kinds.flatMap((kind) => wrap(whole(map, kind, 1), room, hasNumbers))
  return [together(2), apart(2), together(1), apart(1), wrapped(true), wrapped(false)]
}

function whole(map: TokenMap, kind: MixtureKind, cell: 1 | 2): CellPiece {
  const to = map.experts(kind, map.layer)
  return { kind, from: 0, to, cell, label: `${NAMES[kind][kind === 'mlp' ? 0 : 1]} `, numberedTo: to }
}

/** Continues a piece in further rows. If these have no numbers above, their labels name their first experts. */
function wrap(piece: CellPiece, room: number, hasNumbers: boolean): Row[] {
  const { to, label } = piece
  const width = Math.max(label.length, `+${to} `.length)
  const most = evenChunk(to, Math.max(1, room - width))
  return Array.from({ length: Math.ceil(to / most) }, (_, row) => {
    const from = row * most
    const end = Math.min(to, from + most)
    const name = row === 0 ? label : hasNumbers ? '' : `+${from}`
    const numberedTo = hasNumbers ? end : row === 0 ? to : 0
    return [{ ...piece, from, to: end, label: name.padEnd(width), numberedTo }]
  })
}

function widthOfRow(row: Row): number {
  return row.reduce((sum, piece) => sum + piece.label.length + widthOf(panelOf(piece)) + GAP, -GAP)
}

function linesOf(map: TokenMap, row: Row, isFirst: boolean, width: number, painter: CellPainter): string[] {
  const { cursor } = map
  const prefix = prefixOf(map)
  const hasNumbers = row.some(({ numberedTo }) => numberedTo > 0)
  const column = cursor && columnOf(cursor, row)
  const numbers = row.map((piece) => piece.label + numbersOf(panelOf(piece), map, piece.from))
  const name = (isFirst ? prefix : ' '.repeat(prefix.length)) + row[0].label
  const above = beside(numbers).slice(row[0].label.length).trimEnd()
  const at = column === undefined ? undefined : prefix.length + column - name.length
  const lanes = row.map((piece) => {
    return (hasNumbers ? ' '.repeat(piece.label.length) : piece.label) + laneOf(map, piece, painter)
  })
  return [
    ...(hasNumbers ? [name + withNumber(above, cursor?.expert, at, width - name.length, painter.depth)] : []),
    `›${' '.repeat(prefix.length - 1)}${beside(lanes)}`,
  ]
}

/** Columns before an expert's cell in a row, or in the rows below it that share its numbers; undefined elsewhere. */
function columnOf({ kind, expert }: ExpertPlace, row: Row): number | undefined {
  const at = row.findIndex((piece) => piece.kind === kind && piece.from <= expert && expert < piece.numberedTo)
  if (at < 0) return undefined
  const { from, to, cell, label } = row[at]
  const before = row.slice(0, at).reduce((sum, piece) => sum + widthOfRow([piece]) + GAP, 0)
  return before + label.length + ((expert - from) % (to - from)) * cell
}

function laneOf(map: TokenMap, piece: CellPiece, painter: CellPainter): string {
  const { layer, mode } = map
  const { kind, from, to } = piece
  const amounts = amountsOf(map, kind, layer, false)
  const marked = mode === 'usage' ? glowOf(map, kind, layer).subarray(from, to) : undefined
  const struck = struckOf(map, kind, layer, amounts)?.subarray(from, to)
  return drawPanel(panelOf(piece), [amounts.subarray(from, to)], painter, { marked, struck })
}

function panelOf({ kind, from, to, cell }: CellPiece): Panel {
  return { kind, experts: to - from, perCell: 1, cell, perLine: 1 }
}
