import type { Alignment } from './blocks.js'

/** Maximum columns of a table; a wider one stays text. */
const MOST_COLUMNS = 64

/** Reads the line below a table's header, such as `|:--|--:|`. It must have a bar. */
export function alignmentsOf(text: string): Alignment[] | undefined {
  if (!/^[ |:-]*$/.test(text) || !text.includes('|')) return undefined
  const cells = cellsOf(text)
  if (cells.length > MOST_COLUMNS || !cells.every((cell) => /^:?-+:?$/.test(cell))) return undefined
  return cells.map((cell) => (!cell.endsWith(':') ? 'left' : cell.startsWith(':') ? 'centre' : 'right'))
}

/** Splits a row at its bars. A bar after a backslash belongs to its cell. */
export function cellsOf(row: string): string[] {
  const text = row.trim()
  const cells: string[] = []
  let cell = ''
  let from = text[0] === '|' ? 1 : 0
  for (let at = text.indexOf('|', from); at >= 0; at = text.indexOf('|', from)) {
    const isEscaped = text[at - 1] === '\\' && at > from
    cell += isEscaped ? `${text.slice(from, at - 1)}|` : text.slice(from, at)
    from = at + 1
    if (isEscaped) continue
    cells.push(cell.trim())
    cell = ''
  }
  const last = (cell + text.slice(from)).trim()
  return last !== '' || from < text.length || cells.length === 0 ? [...cells, last] : cells
}

/** The cells of a row; the last one takes all that the header has no column for. */
export function rowOf(text: string, columns: number): string[] {
  const cells = cellsOf(text)
  return cells.length <= columns ? cells : [...cells.slice(0, columns - 1), cells.slice(columns - 1).join(' | ')]
}
