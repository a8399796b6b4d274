import { DENSE, type ExpertMap, TITLES } from '../blocks/figure.js'
import { layoutOf, type MapLayout, type MapPanel, type MapUnits } from '../blocks/map-layout.js'
import { CHARACTER, type Drawing, endLabel, escapeXml, type Fill, fixed, label, stack } from './svg-drawing.js'
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

const PIXELS: MapUnits = {
  label: LABELS,
  gap: GAP,
  measureGap: GAP / 2,
  character: CHARACTER,
  titles: TITLES,
  digits: 5,
  none: '–',
}

/**
 * Draws a row for each layer: the experts of each kind, then the measures. Puts kinds below one another if `width` is
 * small. Cells are as large as in each of `maps`, so that the columns of a figure's maps are below one another.
 */
export function mapDrawing(map: ExpertMap, fill: Fill, width: number, maps: readonly ExpertMap[] = [map]): Drawing {
  const { cell, isBeside } = formOf(maps, width)
  if (isBeside) return drawn(map, layoutOf(map, map.mixtures, cell, PIXELS), fill, cell)
  const side = Math.max(1, cell)
  const kinds = map.mixtures.map((kind) => drawn(map, layoutOf(map, [kind], side, PIXELS, 'short'), fill, side))
  return stack(kinds, 12)
}

/** Side of the cells in the narrowest of some maps, or in one kind of it if the kinds are below one another. */
export function cellSide(maps: readonly ExpertMap[], width: number): number {
  return Math.min(...maps.map((map) => formOf([map], width).cell))
}

/** The side of the largest cells that let all maps fit, with their kinds side by side if these do not get too small. */
function formOf(maps: readonly ExpertMap[], width: number): { cell: number; isBeside: boolean } {
  const beside = largestCell((cell) => maps.map((map) => layoutOf(map, map.mixtures, cell, PIXELS)), width)
  if (beside >= LEAST_CELL) return { cell: beside, isBeside: true }
  const alone = (cell: number) =>
    maps.flatMap((map) => map.mixtures.map((kind) => layoutOf(map, [kind], cell, PIXELS, 'short')))
  return { cell: largestCell(alone, width), isBeside: false }
}

function largestCell(layoutsOf: (cell: number) => MapLayout[], width: number): number {
  let cell = CELL
  while (cell > 0 && layoutsOf(cell).some(({ right }) => right > width)) cell -= 0.25
  return cell
}

/** Width at which all cells have their full size. */
export function naturalWidth(map: ExpertMap): number {
  return map.mixtures.length === 0 ? LABELS : layoutOf(map, map.mixtures, CELL, PIXELS).right
}

function drawn(map: ExpertMap, { panels, columns, end, right }: MapLayout, fill: Fill, cell: number): Drawing {
  const row = Math.max(LEAST_ROW, cell)
  const parts = [
    ...panels.flatMap(({ title, most, x }) => [label(x, 11, title, 'head'), ...axis(most, x, cell)]),
    endLabel(LABELS - 6, 27, 'layer'),
    ...columns.flatMap(({ name, meaning, kinds, x }) => [
      explained(label(x, 11, name, 'head'), meaning),
      label(x, 27, kinds),
    ]),
  ]
  for (const [i, layer] of map.layers.entries()) {
    const y = HEAD + i * row
    const baseline = y + row / 2 + 4
    const cells = panels.map((panel) => rowOfCells(map, panel, layer, fill, { y, cell, row }))
    const name = endLabel(LABELS - 6, baseline, String(layer))
    const measured = columns.map((column) => label(column.x, baseline, column.row(layer).trimEnd()))
    // Cells without gaps would show their seams.
    const crisp = cell < LEAST_APART ? ' shape-rendering="crispEdges"' : ''
    parts.push(`<g class="layer" data-layer="${layer}"${crisp}>${name}${cells.join('')}${measured.join('')}</g>`)
  }
  return {
    markup: parts.join('\n'),
    width: columns.length > 0 ? right : end - GAP,
    height: HEAD + map.layers.length * row,
  }
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
  { kind, experts, x }: MapPanel,
  layer: number,
  fill: Fill,
  { y, cell, row }: { y: number; cell: number; row: number },
): string {
  if (experts[layer] === 0) return label(x, y + row / 2 + 4, DENSE)
  const gap = cell >= LEAST_APART ? 1 : 0
  const [width, height] = [fixed(cell - gap), fixed(row - gap)]
  return Array.from({ length: experts[layer] }, (_, expert) => {
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

/** Adds an explanation to a label, which readers see when they point at it. */
function explained(label: string, meaning: string): string {
  return label.replace('</text>', `<title>${escapeXml(meaning)}</title></text>`)
}
