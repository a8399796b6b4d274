import type { MixtureKind } from '../../../model/config/config.js'
import type { ExpertPlace } from '../../usage/awake.js'
import { DENSE, type ExpertMap, type MapMixture, mostExperts } from '../blocks/figure.js'
import { layoutOf, type MapUnits } from '../blocks/map-layout.js'

export type DrawCell = (place: ExpertPlace, width: number) => string

const GAP = '  '
const HEAD = 'layer'
const COLUMNS: MapUnits = {
  label: HEAD.length + GAP.length,
  gap: GAP.length,
  measureGap: GAP.length,
  character: 1,
  titles: { attention: 'attention', mlp: 'mlp' },
  digits: 4,
  none: '   -',
}

/**
 * Draws a row for each layer: the experts of each kind, then the measures. Cells have two columns, or one in a narrow
 * window. If even that is too wide, the kinds come one below the other, and a layer takes several lines if it must.
 * Cells are as wide as in each of `maps`, so that the columns of a figure's maps are below one another.
 */
export function textMap(map: ExpertMap, draw: DrawCell, width: number, maps: readonly ExpertMap[]): string[] {
  const widthOf = (one: ExpertMap, cell: number) => layoutOf(one, one.mixtures, cell, COLUMNS).right - GAP.length
  const cell = [2, 1].find((cell) => maps.every((one) => widthOf(one, cell) <= width))
  if (cell) return sideBySide(map, draw, cell)
  const measures = maps.flatMap((one) => {
    const layouts = one.mixtures.map((mixture) => layoutOf(one, [mixture], 1, COLUMNS, 'short'))
    return layouts.map(({ end, right }) => right - end)
  })
  return map.mixtures.flatMap((mixture) => alone(mixture, map, draw, width - 1 - Math.max(...measures)))
}

function sideBySide(map: ExpertMap, draw: DrawCell, cell: number): string[] {
  const { panels, columns } = layoutOf(map, map.mixtures, cell, COLUMNS)
  const line = (label: string, parts: string[]) => {
    const padded = [...panels, ...columns].map(({ width }, i) => parts[i].padEnd(width))
    return [label.padStart(HEAD.length), ...padded].join(GAP).trimEnd()
  }
  const numbers = panels.map(({ kind, experts, most }) => {
    const isNew = (expert: number) => experts.some((_, layer) => map.isNewExpert?.({ kind, layer, expert }))
    return expertNumbers({ experts: most, cell }, cell === 1 && most > 16 ? 8 : 4, isNew)
  })
  return [
    line('', [...panels.map(({ title }) => title), ...columns.map(({ name }) => name)]),
    line(HEAD, [...numbers, ...columns.map(({ kinds }) => kinds)]),
    ...map.layers.map((layer) => {
      const cells = panels.map(({ kind, experts, width }) => {
        const count = experts[layer]
        if (count === 0) return DENSE
        return cellsOf(draw, kind, layer, [0, count], cell) + ' '.repeat(width - cell * count)
      })
      return line(String(layer), [...cells, ...columns.map(({ row }) => row(layer))])
    }),
  ]
}

/** Draws one kind in `room` columns, without its measures; a layer that is too long takes several lines. */
function alone(mixture: MapMixture, map: ExpertMap, draw: DrawCell, room: number): string[] {
  const { kind } = mixture
  const { layers } = map
  const most = mostExperts(mixture)
  const { label, perLine } = lineLength(most, String(Math.max(...layers)).length, room)
  const { columns } = layoutOf(map, [mixture], 1, COLUMNS, 'short')
  const width = Math.max(perLine, DENSE.length)
  const line = (name: string, cells: string, measured: string[]) =>
    [`${name.padStart(label)} ${cells}`, ...measured].join(GAP).trimEnd()
  const rows = layers.flatMap((layer) => {
    const experts = mixture.experts[layer]
    if (experts === 0) {
      return [
        line(
          String(layer),
          DENSE.padEnd(width),
          columns.map(({ row }) => row(layer)),
        ),
      ]
    }
    return Array.from({ length: Math.ceil(experts / perLine) }, (_, i) => {
      const [from, to] = [i * perLine, Math.min(experts, (i + 1) * perLine)]
      const cells = cellsOf(draw, kind, layer, [from, to], 1)
      if (i > 0) return line(`+${from}`, cells, [])
      return line(
        String(layer),
        cells + ' '.repeat(width - to),
        columns.map(({ row }) => row(layer)),
      )
    })
  })
  const numbers = expertNumbers({ experts: perLine, cell: 1 }, perLine > 16 ? 8 : 4)
  const title = perLine < most ? `${kind}, ${perLine} experts per line` : `${kind}, a line per layer`
  return [
    title,
    line(
      '',
      numbers.padEnd(width),
      columns.map(({ name, width }) => name.padEnd(width)),
    ),
    ...rows,
  ]
}

function cellsOf(draw: DrawCell, kind: MixtureKind, layer: number, [from, to]: [number, number], cell: number): string {
  return Array.from({ length: to - from }, (_, i) => draw({ kind, layer, expert: from + i }, cell)).join('')
}

/** Cells of experts in a line, from expert `first` on. */
export interface CellLine {
  experts: number
  /** Columns of a cell. */
  cell: number
  perCell?: number
  first?: number
}

export function lineWidth({ experts, perCell = 1, cell }: CellLine): number {
  return Math.ceil(Math.ceil(experts / perCell) * cell)
}

/** The number of each expert that is a multiple of `step` after the first, above its cell; new experts have a + instead. */
export function expertNumbers(line: CellLine, step: number, isNew?: (expert: number) => boolean): string {
  const { experts, cell, perCell = 1, first = 0 } = line
  const width = lineWidth(line)
  let numbers = ''
  for (let at = 0; at < experts; at += step) {
    const column = Math.floor(at / perCell) * cell
    const number = String(first + at)
    if (Number.isInteger(column) && column + number.length <= width) numbers = numbers.padEnd(column) + number
  }
  const signs = [...numbers.padEnd(width)]
  for (let at = 0; at < experts; at++) {
    const column = Math.floor(at * (cell / perCell))
    if (!isNew?.(first + at) || /\d/.test(signs[column - 1] ?? '')) continue
    signs[column] = '+'
    for (let next = column + 1; /\d/.test(signs[next] ?? ''); next++) signs[next] = ' '
  }
  return signs.join('')
}

/** Experts per line, and columns of a line's label: its layer, or the first expert of a continued line. */
function lineLength(experts: number, digits: number, room: number): { label: number; perLine: number } {
  for (let label = digits; ; label++) {
    const perLine = evenChunk(experts, Math.max(1, room - label))
    const last = perLine * (Math.ceil(experts / perLine) - 1)
    if (last === 0 || `+${last}`.length <= label) return { label, perLine }
  }
}

/** Items per line, so that lines are about equally long: a multiple of 8 if that fits. */
export function evenChunk(items: number, room: number): number {
  if (items <= room) return items
  const even = Math.ceil(items / Math.ceil(items / room))
  const round = Math.ceil(even / 8) * 8
  return round <= room ? round : even
}
