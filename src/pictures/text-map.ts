import type { LayerUsage, MixtureUsage } from '../experts/usage.js'
import type { MixtureKind } from '../model/config.js'

/** Draws the cell of an expert in so many columns. */
export type DrawCell = (kind: MixtureKind, layer: number, expert: number, width: number) => string

export interface TextMapOptions {
  /** Columns that no line exceeds. */
  width: number
  /** Whether entropy and fairness stand beside the cells. */
  measures: boolean
}

/** What stands in place of cells where a layer has none. */
const DENSE = 'dense'
const GAP = '  '

/**
 * A row per layer: the experts of each mixture, and what was measured of them. Where a window is too narrow for cells of
 * two columns they get one; where it is too narrow for the mixtures beside one another they stand below one another, and a
 * layer takes several lines if it must.
 */
export function textMap(mixtures: readonly MixtureUsage[], draw: DrawCell, options: TextMapOptions): string[] {
  for (const cell of [2, 1]) {
    const table = sideBySide(mixtures, draw, cell, options.measures)
    if (table.width <= options.width) return table.lines
  }
  return mixtures.flatMap((mixture) => alone(mixture, draw, options))
}

/** All mixtures beside one another, and how wide that is. */
function sideBySide(mixtures: readonly MixtureUsage[], draw: DrawCell, cell: number, measures: boolean) {
  const widths = mixtures.map(({ kind, layers }) => {
    return Math.max(cell === 2 ? 9 : kind.length, ...layers.map(({ experts }) => cell * experts))
  })
  const columns = measures ? measureColumns(mixtures, ['entropy', 'fairness']) : undefined
  const panels = mixtures.map(({ kind, layers }, i) => axis(kind, mostOf(layers), cell).padEnd(widths[i]))
  const head = ['layer', ...panels, ...(columns ? [columns.head] : [])].join(GAP)
  const rows = mixtures[0].layers.map((_, layer) => {
    const cells = mixtures.map(({ kind, layers }, i) => {
      const { experts } = layers[layer]
      if (experts === 0) return DENSE.padEnd(widths[i])
      return range(0, experts, (expert) => draw(kind, layer, expert, cell)) + ' '.repeat(widths[i] - cell * experts)
    })
    const measured = columns ? [columns.row(layer)] : []
    return [String(layer).padStart(5), ...cells, ...measured].join(GAP)
  })
  const width = widths.reduce((sum, width) => sum + GAP.length + width, 5) + (columns ? GAP.length + columns.width : 0)
  return { width, lines: [head.trimEnd(), ...rows] }
}

/** One mixture, its layers in several lines each where they are too long. */
function alone(mixture: MixtureUsage, draw: DrawCell, { width, measures }: TextMapOptions): string[] {
  const { kind, layers } = mixture
  const experts = mostOf(layers)
  const columns = measures ? measureColumns([mixture], ['bits', 'fair']) : undefined
  const room = width - 1 - (columns ? GAP.length + columns.width : 0)
  const { label, perLine } = lineLength(experts, String(layers.length - 1).length, room)
  const title = perLine < experts ? `${kind}, ${perLine} experts per line` : kind
  const numbers = axis('', perLine, 1).padEnd(Math.max(perLine, DENSE.length))
  const head = `${' '.repeat(label + 1)}${numbers}${columns ? GAP + columns.head : ''}`.trimEnd()
  const rows = layers.flatMap(({ experts }, layer) => {
    const starts = Array.from({ length: Math.max(1, Math.ceil(experts / perLine)) }, (_, i) => i * perLine)
    return starts.map((start, i) => {
      const end = Math.min(experts, start + perLine)
      const cells = experts === 0 ? DENSE : range(start, end, (expert) => draw(kind, layer, expert, 1))
      const used = experts === 0 ? DENSE.length : end - start
      const name = i === 0 ? String(layer) : `+${start}`
      const measured = columns && i === 0 ? `${' '.repeat(Math.max(0, perLine - used))}${GAP}${columns.row(layer)}` : ''
      return `${name.padStart(label)} ${cells}${measured}`
    })
  })
  return [title, head, ...rows]
}

function mostOf(layers: readonly LayerUsage[]): number {
  return Math.max(...layers.map(({ experts }) => experts))
}

/** A title and, where it leaves room, the numbers of some experts above their cells. */
function axis(title: string, experts: number, cell: number): string {
  const step = experts > 16 ? 8 : 4
  let line = title
  for (let expert = 0; expert < experts; expert += step) {
    const [number, column] = [String(expert), expert * cell]
    const hasRoom = line === '' ? column === 0 : column > line.length
    if (hasRoom && column + number.length <= experts * cell) line = line.padEnd(column) + number
  }
  return line
}

/** Experts per line, and columns for what names a line: its layer, or the first expert of one that goes on. */
function lineLength(experts: number, digits: number, room: number): { label: number; perLine: number } {
  for (let label = digits; ; label++) {
    const perLine = evenChunk(experts, Math.max(1, room - label))
    const last = perLine * (Math.ceil(experts / perLine) - 1)
    if (last === 0 || `+${last}`.length <= label) return { label, perLine }
  }
}

/** Items per line, so that lines are about equally long: a multiple of 8 where that fits. */
export function evenChunk(items: number, room: number): number {
  if (items <= room) return items
  const even = Math.ceil(items / Math.ceil(items / room))
  const round = Math.ceil(even / 8) * 8
  return round <= room ? round : even
}

/** Entropy and fairness of a layer, a column each with a number per mixture. */
function measureColumns(mixtures: readonly MixtureUsage[], heads: [string, string]) {
  const widths = heads.map((head) => Math.max(head.length, 5 * mixtures.length - 1))
  const column = (layer: number, of: (usage: LayerUsage) => number) =>
    mixtures.map(({ layers }) => (layers[layer].experts > 0 ? of(layers[layer]).toFixed(2) : '   -')).join(' ')
  return {
    width: widths[0] + GAP.length + widths[1],
    head: heads.map((head, i) => head.padEnd(widths[i])).join(GAP),
    row: (layer: number) =>
      [column(layer, (usage) => usage.entropy).padEnd(widths[0]), column(layer, (usage) => usage.fairness)].join(GAP),
  }
}

function range(from: number, to: number, draw: (expert: number) => string): string {
  return Array.from({ length: to - from }, (_, i) => draw(from + i)).join('')
}
