import type { MixtureKind } from '../../../model/config/config.js'
import { DENSE, type ExpertMap, type MapMixture, type Measure, mostExperts, SHORT, TITLES } from '../blocks/figure.js'
import {
  CHARACTER,
  type Drawing,
  endLabel,
  escapeXml,
  type Fill,
  fixed,
  label,
  stack,
  textWidth,
} from './svg-drawing.js'
import { markOf } from './svg-legend.js'

/** Maximum side of a cell, and the minimum at which the kinds are still side by side. */
const CELL = 14
const LEAST_CELL = 5
/** Minimum side of a cell with a gap beside it; narrower cells would be a white grid. */
const LEAST_APART = 8
/** Minimum height of a row, for the numbers beside it. */
const LEAST_ROW = 12
const GAP = 24
/** Width of the layers' numbers below their head `layer`. */
const LABELS = 6 * CHARACTER
const HEAD = 32
/** Characters of a measure for one kind. */
const NUMBER = 5

/**
 * Draws a row for each layer: the experts of each kind, then the measures. Puts kinds below one another if `width` is
 * small. Cells are as large as in each of `maps`, so that the columns of a figure's maps are below one another.
 */
export function mapDrawing(map: ExpertMap, fill: Fill, width: number, maps: readonly ExpertMap[] = [map]): Drawing {
  const beside = Math.min(...maps.map((one) => largestCell(one, one.mixtures, width)))
  if (beside >= LEAST_CELL) return panels(map, map.mixtures, fill, beside)
  const cell = Math.max(1, cellAlone(maps, map.mixtures, width))
  return stack(
    map.mixtures.map((kind) => panels(narrowed(map), [kind], fill, cell)),
    12,
  )
}

function narrowed(map: ExpertMap): ExpertMap {
  return { ...map, measures: map.measures.map((measure) => ({ ...measure, name: measure.short })) }
}

/** Side of the cells in the narrowest of some maps, or in one kind of it if the kinds are below one another. */
export function cellSide(maps: readonly ExpertMap[], width: number): number {
  const sides = maps.map((map) => {
    const beside = largestCell(map, map.mixtures, width)
    return beside >= LEAST_CELL ? beside : cellAlone([map], map.mixtures, width)
  })
  return Math.min(...sides)
}

/** Maximum side of the cells of maps whose kinds are below one another. */
function cellAlone(maps: readonly ExpertMap[], mixtures: readonly MapMixture[], width: number): number {
  return Math.min(...maps.flatMap((map) => mixtures.map((kind) => largestCell(narrowed(map), [kind], width))))
}

/** Maximum side of a cell that lets these kinds fit side by side. */
function largestCell(map: ExpertMap, mixtures: readonly MapMixture[], width: number): number {
  const fits = (cell: number) => columnsOf(mixtures, cell).end + measuresWidth(map, mixtures) <= width
  let cell = CELL
  while (cell > 0 && !fits(cell)) cell -= 0.25
  return cell
}

/** Width at which all cells have their full size. */
export function naturalWidth(map: ExpertMap): number {
  const { starts, end } = columnsOf(map.mixtures, CELL)
  return starts.length === 0 ? LABELS : end + measuresWidth(map, map.mixtures)
}

function panels(map: ExpertMap, mixtures: readonly MapMixture[], fill: Fill, cell: number): Drawing {
  const row = Math.max(LEAST_ROW, cell)
  const { starts, end } = columnsOf(mixtures, cell)
  const parts = mixtures.flatMap((mixture, i) => [
    label(starts[i], 11, TITLES[mixture.kind], 'head'),
    ...axis(mostExperts(mixture), starts[i], cell),
  ])
  parts.push(endLabel(LABELS - 6, 27, 'layer'), ...measureHeads(map, mixtures, end))
  for (const [i, layer] of map.layers.entries()) {
    const y = HEAD + i * row
    const cells = mixtures.map(({ kind, experts }, i) =>
      rowOfCells(map, { kind, layer, experts: experts[layer], fill }, { x: starts[i], y, cell, row }),
    )
    const name = endLabel(LABELS - 6, y + row / 2 + 4, String(layer))
    const measured = measuresOf(map, mixtures, layer, end, y + row / 2 + 4)
    // Cells without gaps would show their seams.
    const crisp = cell < LEAST_APART ? ' shape-rendering="crispEdges"' : ''
    parts.push(`<g class="layer" data-layer="${layer}"${crisp}>${name}${cells.join('')}${measured}</g>`)
  }
  return {
    markup: parts.join('\n'),
    width: end - (map.measures.length > 0 ? 0 : GAP) + measuresWidth(map, mixtures),
    height: HEAD + map.layers.length * row,
  }
}

/** Places of the first cell of each kind, and of the measures beside them. */
function columnsOf(mixtures: readonly MapMixture[], cell: number): { starts: number[]; end: number } {
  let end = LABELS
  const starts = mixtures.map((mixture) => {
    const start = end
    end += Math.max(textWidth(TITLES[mixture.kind]), mostExperts(mixture) * cell) + GAP
    return start
  })
  return { starts, end }
}

function axis(experts: number, x: number, cell: number): string[] {
  const digits = String(experts - 1).length
  const step = [1, 2, 4, 8, 16, 32, 64].find((step) => step * cell >= (digits + 1) * CHARACTER) ?? 128
  return Array.from({ length: Math.ceil(experts / step) }, (_, i) => i * step).map(
    (expert) =>
      `<text x="${fixed(x + (expert + 0.5) * cell)}" y="27" text-anchor="${cell < 8 ? 'start' : 'middle'}">${expert}</text>`,
  )
}

function rowOfCells(
  map: ExpertMap,
  { kind, layer, experts, fill }: { kind: MixtureKind; layer: number; experts: number; fill: Fill },
  { x, y, cell, row }: { x: number; y: number; cell: number; row: number },
): string {
  if (experts === 0) return label(x, y + row / 2 + 4, DENSE)
  const gap = cell >= LEAST_APART ? 1 : 0
  const [width, height] = [fixed(cell - gap), fixed(row - gap)]
  return Array.from({ length: experts }, (_, expert) => {
    const place = { kind, layer, expert }
    const amount = map.amount(place)
    const named = `data-expert="${kind} ${layer} ${expert}"`
    const title = `<title>${escapeXml(map.describe(place))}</title>`
    const left = fixed(x + expert * cell)
    if (typeof amount !== 'number') {
      const mark = markOf(amount, Number(width), Number(height))
      return `<g transform="translate(${left} ${fixed(y)})" ${named}>${title}${mark}</g>`
    }
    const mark = map.isNewExpert?.(place) ? ' class="new"' : ''
    const name = map.nameOf?.(place)
    const called = name === undefined ? '' : ` data-name="${escapeXml(name)}"`
    const box = `x="${left}" y="${fixed(y)}" width="${width}" height="${height}"`
    return `<rect ${box} ${fill(amount)} ${named}${called}${mark}>${title}</rect>`
  }).join('')
}

function measuresWidth({ measures }: ExpertMap, mixtures: readonly MapMixture[]): number {
  return measures.reduce((sum, { name }) => sum + measureWidth(name, mixtures), 0)
}

function measureWidth(name: string, mixtures: readonly MapMixture[]): number {
  return Math.max(name.length, mixtures.length * (NUMBER + 1) - 1) * CHARACTER + GAP / 2
}

function forMeasures(
  { measures }: ExpertMap,
  mixtures: readonly MapMixture[],
  end: number,
  draw: (measure: Measure, x: number) => string[],
): string[] {
  let x = end
  return measures.flatMap((measure) => {
    const drawn = draw(measure, x)
    x += measureWidth(measure.name, mixtures)
    return drawn
  })
}

function measureHeads(map: ExpertMap, mixtures: readonly MapMixture[], end: number): string[] {
  const kinds = mixtures.map(({ kind }) => SHORT[kind].padEnd(NUMBER)).join(' ')
  return forMeasures(map, mixtures, end, ({ name, meaning }, x) => [
    explained(label(x, 11, name, 'head'), meaning),
    label(x, 27, kinds.trimEnd()),
  ])
}

/** Adds an explanation to a label, which readers see when they point at it. */
function explained(label: string, meaning: string): string {
  return label.replace('</text>', `<title>${escapeXml(meaning)}</title></text>`)
}

function measuresOf(map: ExpertMap, mixtures: readonly MapMixture[], layer: number, end: number, y: number): string {
  const texts = forMeasures(map, mixtures, end, ({ of }, x) => {
    const numbers = mixtures.map(({ kind }) => (of({ kind, layer })?.toFixed(2) ?? '–').padEnd(NUMBER)).join(' ')
    return [label(x, y, numbers.trimEnd())]
  })
  return texts.join('')
}
