import { printable } from '../printable.js'
import { cellWidth } from './cell-width.js'

/**
 * Formats rows of cells as a table: indented by two blanks, columns two blanks apart and as wide as their widest cell. The
 * columns in `right` are aligned to the right, as suits numbers.
 */
export function alignColumns(table: readonly (readonly string[])[], right: readonly number[] = []): string {
  const rows = table.map((row) => row.map((cell) => printable(cell, Infinity)))
  const widths: number[] = []
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cellWidth(cell))
  }
  const lines = rows.map((row) => {
    const cells = row.map((cell, column) => {
      const blanks = ' '.repeat(widths[column] - cellWidth(cell))
      return right.includes(column) ? blanks + cell : cell + blanks
    })
    return `  ${cells.join('  ')}`.trimEnd()
  })
  return lines.map((line) => `${line}\n`).join('')
}
