import type { ExpertPlace } from '../../usage/awake.js'
import { DENSE, type ExpertMap, type MapMixture, type Measure, mostExperts, SHORT } from '../blocks/figure.js'

export type DrawCell = (place: ExpertPlace, width: number) => string

const GAP = '  '
const NUMBER = 4
/** Columns of a layer's number. */
const LABEL = 5

/**
 * Draws a row for each layer: the experts of each kind, then the measures. Cells have two columns, or one in a narrow
 * window. If even that is too wide, the kinds come one below the other, and a layer takes several lines if it must.
 * Cells are as wide as in each of `maps`, so that the columns of a figure's maps are below one another.
 */
export function textMap(map: ExpertMap, draw: DrawCell, width: number, maps: readonly ExpertMap[]): string[] {
  const cell = [2, 1].find((cell) => maps.every((one) => widthOf(one, cell) <= width))
  if (cell) return sideBySide(map, draw, cell)
  const measures = Math.max(...maps.flatMap((one) => one.mixtures.map((mixture) => shortWidth(one, mixture))))
  return map.mixtures.flatMap((mixture) => {
    const spare = measures - shortWidth(map, mixture)
    return alone(mixture, map, draw, width - spare)
  })
}

/** Columns of a map whose kinds are side by side. */
function widthOf({ mixtures, measures }: ExpertMap, cell: number): number {
  const columns = [
    ...cellColumns(mixtures, cell),
    ...measureColumns(mixtures, measures, 'name').map(({ width }) => width),
  ]
  return columns.reduce((sum, width) => sum + GAP.length + width, LABEL)
}

function shortWidth({ measures }: ExpertMap, mixture: MapMixture): number {
  return measureColumns([mixture], measures, 'short').reduce((sum, { width }) => sum + GAP.length + width, 0)
}

function cellColumns(mixtures: readonly MapMixture[], cell: number): number[] {
  return mixtures.map((mixture) => Math.max(mixture.kind.length, cell * mostExperts(mixture)))
}

function sideBySide(map: ExpertMap, draw: DrawCell, cell: number): string[] {
  const { mixtures, measures, isNewExpert = () => false } = map
  const widths = cellColumns(mixtures, cell)
  const columns = measureColumns(mixtures, measures, 'name')
  const titles = mixtures.map(({ kind }, i) => kind.padEnd(widths[i]))
  const numbers = mixtures.map((mixture, i) => {
    const { kind, experts } = mixture
    const isNew = (expert: number) => experts.some((_, layer) => isNewExpert({ kind, layer, expert }))
    return marked(axis(mostExperts(mixture), cell).padEnd(widths[i]), cell, mostExperts(mixture), isNew)
  })
  const heads = [
    ['     ', ...titles, ...columns.map(({ name, width }) => name.padEnd(width))].join(GAP),
    ['layer', ...numbers, ...columns.map(({ kinds, width }) => kinds.padEnd(width))].join(GAP),
  ]
  const rows = map.layers.map((layer) => {
    const cells = mixtures.map(({ kind, experts: counts }, i) => {
      const experts = counts[layer]
      if (experts === 0) return DENSE.padEnd(widths[i])
      return range(0, experts, (expert) => draw({ kind, layer, expert }, cell)) + ' '.repeat(widths[i] - cell * experts)
    })
    const line = [String(layer).padStart(LABEL), ...cells, ...columns.map(({ row, width }) => row(layer).padEnd(width))]
    return line.join(GAP).trimEnd()
  })
  return [...heads.map((head) => head.trimEnd()), ...rows]
}

/** Draws one kind; a layer that is too long takes several lines. */
function alone(mixture: MapMixture, map: ExpertMap, draw: DrawCell, width: number): string[] {
  const { kind } = mixture
  const { measures, layers } = map
  const experts = mostExperts(mixture)
  const columns = measureColumns([mixture], measures, 'short')
  const room = width - 1 - columns.reduce((sum, { width }) => sum + GAP.length + width, 0)
  const { label, perLine } = lineLength(experts, String(Math.max(...layers)).length, room)
  const title = perLine < experts ? `${kind}, ${perLine} experts per line` : `${kind}, a line per layer`
  const numbers = axis(perLine, 1).padEnd(Math.max(perLine, DENSE.length))
  const head = [`${' '.repeat(label + 1)}${numbers}`, ...columns.map(({ name, width }) => name.padEnd(width))].join(GAP)
  const rows = layers.flatMap((layer) => {
    const experts = mixture.experts[layer]
    const starts = Array.from({ length: Math.max(1, Math.ceil(experts / perLine)) }, (_, i) => i * perLine)
    return starts.map((start, i) => {
      const end = Math.min(experts, start + perLine)
      const cells = experts === 0 ? DENSE : range(start, end, (expert) => draw({ kind, layer, expert }, 1))
      const used = experts === 0 ? DENSE.length : end - start
      const name = i === 0 ? String(layer) : `+${start}`
      const pad = ' '.repeat(Math.max(0, Math.max(perLine, DENSE.length) - used))
      const measured = i === 0 ? columns.map(({ row }) => `${GAP}${row(layer)}`).join('') : ''
      return `${name.padStart(label)} ${cells}${measured === '' ? '' : pad + measured}`.trimEnd()
    })
  })
  return [title, head.trimEnd(), ...rows]
}

function axis(experts: number, cell: number): string {
  const step = cell === 1 && experts > 16 ? 8 : 4
  let line = ''
  for (let expert = 0; expert < experts; expert += step) {
    const number = String(expert)
    if (expert * cell + number.length <= experts * cell) line = line.padEnd(expert * cell) + number
  }
  return line
}

/** Puts a + above the cells of new experts in place of their numbers. */
export function marked(axis: string, cell: number, experts: number, isNew: (expert: number) => boolean): string {
  const signs = [...axis]
  for (let expert = 0; expert < experts; expert++) {
    const column = Math.floor(expert * cell)
    if (!isNew(expert) || /\d/.test(signs[column - 1] ?? '')) continue
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

/** Makes a column for each measure, with a number for each kind. */
function measureColumns(mixtures: readonly MapMixture[], measures: readonly Measure[], head: 'name' | 'short') {
  const kinds = mixtures.map(({ kind }) => SHORT[kind].padEnd(NUMBER)).join(' ')
  return measures.map((measure) => ({
    name: measure[head],
    kinds: kinds.trimEnd(),
    width: Math.max(measure[head].length, (NUMBER + 1) * mixtures.length - 1),
    row: (layer: number) =>
      mixtures.map(({ kind }) => (measure.of({ kind, layer })?.toFixed(2) ?? '   -').padEnd(NUMBER)).join(' '),
  }))
}

function range(from: number, to: number, draw: (expert: number) => string): string {
  return Array.from({ length: to - from }, (_, i) => draw(from + i)).join('')
}
