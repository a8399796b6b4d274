import { printable } from '../../printable.js'
import { cellWidth } from '../../terminal/cell-width.js'

/**
 * Rows of text with their columns below one another, two blanks apart and indented by two. Columns are as wide as
 * their widest cell; those named by `right` have their cells at the right, as numbers want it.
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
