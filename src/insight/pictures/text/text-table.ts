import { cellWidth, fit } from '../../../ground/output/cell-width.js'
import { wrap } from '../../../ground/output/wrap.js'
import type { TableBlock } from '../blocks/figure.js'

/** Minimum columns for the words of a row; with fewer they get a line of their own. */
const LEAST_WORDS = 24

/** Formats a table in lines of at most `width` columns: aligned if it fits, else a record for each row. */
export function tableLines({ head, rows, empty }: TableBlock, width: number): string[] {
  if (rows.length === 0) return indented(wrap(empty, width - 4))
  const hasWords = rows.some(({ words }) => words)
  const heads = hasWords ? head.slice(0, -1) : head
  const table = aligned([heads, ...rows.map(({ cells }) => cells)])
  const used = cellWidth(table[0]) + 2
  if (!hasWords && used - 2 <= width) return table.map((line) => line.trimEnd())
  if (hasWords && used + LEAST_WORDS <= width) {
    const words = [head[head.length - 1], ...rows.map(({ words = [] }) => clipped(words, width - used))]
    return table.map((line, i) => `${line}  ${fit(words[i], width - used)}`.trimEnd())
  }
  return rows.flatMap(({ cells, words }) => {
    const facts = cells.map((cell, i) => (isClear(cell, i) ? cell : `${heads[i]} ${cell}`)).join(', ')
    return [...indented(wrap(facts, width - 4)), ...(words ? [`    ${clipped(words, width - 4)}`] : [])]
  })
}

/** Whether a cell needs no head in front of it: the first one, and the second if it is not a number. */
function isClear(cell: string, column: number): boolean {
  return column === 0 || (column === 1 && !/^\d/.test(cell))
}

/** Indents lines, those after the first further. */
function indented(lines: readonly string[]): string[] {
  return lines.map((line, i) => `${i === 0 ? '  ' : '    '}${line}`)
}

/** Joins the words that fit, with an ellipsis for the others. */
function clipped(words: readonly string[], width: number): string {
  let line = words[0] ?? ''
  for (let i = 1; i < words.length; i++) {
    const longer = `${line}  ${words[i]}`
    const room = i + 1 < words.length ? width - 2 : width
    if (cellWidth(longer) > room) return fit(`${line} …`, width)
    line = longer
  }
  return fit(line, width)
}

function aligned(rows: string[][]): string[] {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => cellWidth(row[column]))))
  const pad = (text: string, column: number) => text + ' '.repeat(widths[column] - cellWidth(text))
  return rows.map((row) => `  ${row.map(pad).join('  ')}`)
}
