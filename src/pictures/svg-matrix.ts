import { UserError } from '../errors.js'
import { wrap } from '../terminal/wrap.js'
import type { MatricesBlock, Matrix } from './figure.js'
import {
  CHARACTER,
  type Drawing,
  endLabel,
  escapeXml,
  type Fill,
  fixed,
  LINE,
  stack,
  textLines,
} from './svg-drawing.js'
import { legendDrawing } from './svg-legend.js'

/** Maximum and minimum side of a cell. */
const CELL = 12
const LEAST_CELL = 2
/** Minimum side of cells that have gaps. */
const WIDE_CELL = 5
/** Distance between matrices, sideways and down. */
const ASIDE = 12
const GAP = 20
/** Width of the numbers beside the rows. */
const NUMBERS = 4 * CHARACTER
/** Height above which cells become smaller. */
const TALL = 3000
/** Maximum cells that have a text to point at: with more, a page would be slow to open. */
const MOST_DESCRIBED = 20_000

/** Maximum cells of a picture: a larger one would be slow to open. */
const MOST_CELLS = 200_000

/**
 * Draws matrices side by side, those of another size below them, and the legend above. Throws a UserError if they have
 * more than 200,000 cells.
 */
export function matricesDrawing({ matrices, scale }: MatricesBlock, fill: Fill, width: number): Drawing {
  const cells = matrices.reduce((sum, { rows, columns }) => sum + rows * columns, 0)
  if (cells > MOST_CELLS) {
    const size = `${cells.toLocaleString('en-US')} cells, and ${MOST_CELLS} is the most`
    throw new UserError(`the matrices would have ${size}: show less with \`layers\` or \`only\``)
  }
  let cell = CELL
  while (cell > LEAST_CELL && !fits(inRows(matrices, cell, width), cell, width)) cell -= 0.5
  const rows = inRows(matrices, cell, width).map((row) => {
    const drawings = row.map((matrix) => matrixDrawing(matrix, fill, cell, cells <= MOST_DESCRIBED))
    const step = widthOf(row[0], cell) + ASIDE
    const placed = drawings.map(({ markup }, i) => `<g transform="translate(${fixed(i * step)} 0)">${markup}</g>`)
    return {
      markup: placed.join('\n'),
      width: drawings.length * step - ASIDE,
      height: Math.max(...drawings.map(({ height }) => height)),
    }
  })
  return stack([legendDrawing(scale, fill, width), ...rows], GAP)
}

/** Fills rows with neighbouring matrices of the same size. */
function inRows(matrices: readonly Matrix[], cell: number, width: number): Matrix[][] {
  const rows: Matrix[][] = []
  for (const matrix of matrices) {
    const row = rows.at(-1)
    const isSame = row?.[0].rows === matrix.rows && row[0].columns === matrix.columns
    const step = widthOf(matrix, cell) + ASIDE
    if (row && isSame && (row.length + 1) * step - ASIDE <= width) row.push(matrix)
    else rows.push([matrix])
  }
  return rows
}

function fits(rows: readonly Matrix[][], cell: number, width: number): boolean {
  const height = rows.reduce((sum, [{ rows }]) => sum + TITLE_LINES * LINE + rows * cell + GAP, 0)
  return height <= TALL && rows.every(([matrix]) => widthOf(matrix, cell) <= width)
}

function widthOf({ columns }: Matrix, cell: number): number {
  return Math.max(TITLE, NUMBERS + columns * cell)
}

/** Width of a title's line, and lines above the cells. */
const TITLE = 20 * CHARACTER
const TITLE_LINES = 3

function matrixDrawing(matrix: Matrix, fill: Fill, cell: number, isDescribed: boolean): Drawing {
  const { rows, columns } = matrix
  const width = widthOf(matrix, cell)
  const title = textLines(wrap(matrix.title, Math.floor(width / CHARACTER)), 'head')
  const top = title.height + LINE
  const step = [1, 2, 4, 8, 16, 32, 64].find((step) => step * cell >= 3 * CHARACTER) ?? 128
  const numbers = (count: number) => Array.from({ length: Math.ceil(count / step) }, (_, i) => i * step)
  const place = (at: number) => fixed((at + 0.5) * cell)
  const parts = [
    title.markup,
    ...numbers(columns).map(
      (id) => `<text x="${fixed(NUMBERS + place(id))}" y="${fixed(top - 4)}" text-anchor="middle">${id}</text>`,
    ),
    ...numbers(rows).map((id) => endLabel(NUMBERS - 4, top + place(id) + 4, String(id))),
    `<rect class="empty" x="${fixed(NUMBERS - 0.5)}" y="${fixed(top - 0.5)}" width="${fixed(columns * cell + 1)}" height="${fixed(rows * cell + 1)}"/>`,
  ]
  const side = fixed(cell >= WIDE_CELL ? cell - 1 : cell)
  const cells: string[] = []
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const amount = matrix.amount(row, column)
      if (typeof amount !== 'number') continue
      const at = `x="${fixed(NUMBERS + column * cell)}" y="${fixed(top + row * cell)}" width="${side}" height="${side}"`
      const said = isDescribed ? `<title>${escapeXml(matrix.describe(row, column))}</title>` : ''
      cells.push(said === '' ? `<rect ${at} ${fill(amount)}/>` : `<rect ${at} ${fill(amount)}>${said}</rect>`)
    }
  }
  // Cells without gaps would show their seams.
  const crisp = cell < WIDE_CELL ? ' shape-rendering="crispEdges"' : ''
  parts.push(`<g${crisp}>${cells.join('')}</g>`)
  return { markup: parts.join('\n'), width, height: top + rows * cell }
}
