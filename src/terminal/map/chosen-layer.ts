import { evenChunk, lineWidth } from '../../insight/pictures/text/text-map.js'
import type { ExpertPlace } from '../../insight/usage/awake.js'
import type { MixtureKind } from '../../model/config/config.js'
import { amountsOf, glowOf, struckOf } from './amounts.js'
import type { CellPainter } from './cell-painter.js'
import { GAP } from './fold.js'
import { beside, drawPanel, NAMES, numbersOf, type Panel, withNumber } from './panels.js'
import type { TokenMap } from './token-map.js'

interface Piece extends Panel {
  from: number
  /** In front of the cells, with a blank at its end. */
  label: string
  /** The end of the experts below the numbers, in this row and rows without numbers after it; 0 in such a row. */
  numberedTo: number
}

type Row = readonly Piece[]

/** Drawings of the chosen layer, a cell per expert and numbers above, most legible first; none is too wide. */
export function* chosenLayerForms(map: TokenMap, width: number, painter: CellPainter): Generator<string[]> {
  const prefix = prefixOf(map)
  const room = width - prefix.length
  const kinds = map.kindsOf(map.layer)
  const together = (cell: 1 | 2): Row[] => [kinds.map((kind) => whole(map, kind, cell))]
  const apart = (cell: 1 | 2): Row[] => kinds.map((kind) => [whole(map, kind, cell)])
  const wrapped = (hasNumbers: boolean) => kinds.flatMap((kind) => wrap(whole(map, kind, 1), room, hasNumbers))
  for (const rows of [together(2), apart(2), together(1), apart(1), wrapped(true), wrapped(false)]) {
    if (rows.every((row) => widthOfRow(row) <= room)) {
      yield rows.flatMap((row, at) => linesOf(map, row, at === 0 ? prefix : ' '.repeat(prefix.length), width, painter))
    }
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

function whole(map: TokenMap, kind: MixtureKind, cell: 1 | 2): Piece {
  const experts = map.experts(kind, map.layer)
  const label = `${NAMES[kind][kind === 'mlp' ? 0 : 1]} `
  return { kind, experts, perCell: 1, cell, perLine: 1, from: 0, label, numberedTo: experts }
}

/** Continues a piece in further rows. If these have no numbers above, their labels name their first experts. */
function wrap(piece: Piece, room: number, hasNumbers: boolean): Row[] {
  const { experts: all, label } = piece
  const width = Math.max(label.length, `+${all} `.length)
  const most = evenChunk(all, Math.max(1, room - width))
  return Array.from({ length: Math.ceil(all / most) }, (_, row) => {
    const from = row * most
    const experts = Math.min(all - from, most)
    const name = row === 0 ? label : hasNumbers ? '' : `+${from}`
    const numberedTo = hasNumbers ? from + experts : row === 0 ? all : 0
    return [{ ...piece, from, experts, label: name.padEnd(width), numberedTo }]
  })
}

function widthOfRow(row: Row): number {
  return row.reduce((sum, piece) => sum + piece.label.length + lineWidth(piece) + GAP, -GAP)
}

function linesOf(map: TokenMap, row: Row, prefix: string, width: number, painter: CellPainter): string[] {
  const { cursor } = map
  const hasNumbers = row.some(({ numberedTo }) => numberedTo > 0)
  const lanes = row.map((piece) => {
    return (hasNumbers ? ' '.repeat(piece.label.length) : piece.label) + laneOf(map, piece, painter)
  })
  const lane = `›${' '.repeat(prefix.length - 1)}${beside(lanes)}`
  if (!hasNumbers) return [lane]
  const [{ label }] = row
  const name = prefix + label
  const numbers = row.map((piece) => piece.label + numbersOf(piece, map, piece.from))
  const above = beside(numbers).slice(label.length).trimEnd()
  const column = cursor && columnOf(cursor, row)
  const at = column === undefined ? undefined : column - label.length
  return [name + withNumber(above, cursor?.expert, at, width - name.length, painter.depth), lane]
}

/** Columns before an expert's cell in a row, or in the rows below it that share its numbers; undefined elsewhere. */
function columnOf({ kind, expert }: ExpertPlace, row: Row): number | undefined {
  const at = row.findIndex((piece) => piece.kind === kind && piece.from <= expert && expert < piece.numberedTo)
  if (at < 0) return undefined
  const { from, experts, cell, label } = row[at]
  const before = row.slice(0, at).reduce((sum, piece) => sum + widthOfRow([piece]) + GAP, 0)
  return before + label.length + ((expert - from) % experts) * cell
}

function laneOf(map: TokenMap, piece: Piece, painter: CellPainter): string {
  const { layer, mode } = map
  const { kind, from, experts } = piece
  const amounts = amountsOf(map, kind, layer, false)
  const shown = (all?: Float32Array) => all?.subarray(from, from + experts)
  const marked = mode === 'usage' ? shown(glowOf(map, kind, layer)) : undefined
  const struck = shown(struckOf(map, kind, layer, amounts))
  return drawPanel(piece, [amounts.subarray(from, from + experts)], painter, { marked, struck })
}
