import { alignmentsOf, cellsOf, childrenOf, type SyntaxNode, type TableCell } from '../../chat/markdown/nodes.js'
import { create } from '../elements/elements.js'
import { drawInlines } from './markdown-inlines.js'
import type { TextCursor } from './text-cursor.js'

/** Draws a table in a box that scrolls. */
export function drawTable(node: SyntaxNode, cursor: TextCursor): void {
  const [header, ...rest] = childrenOf(node)
  const rows = rest.filter(({ name }) => name === 'TableRow')
  const line = rest.find(({ name }) => name === 'TableDelimiter')
  const columns = line ? alignmentsOf(cursor.textOf(line)) : []
  const drawAll = () => {
    cursor.within('thead', () => drawRow(header, { cell: 'th', columns, end: line?.to ?? header.to }, cursor))
    cursor.within('tbody', () => {
      for (const [i, row] of rows.entries()) {
        drawRow(row, { cell: 'td', columns, end: rows[i + 1] ? row.to : node.to }, cursor)
      }
    })
  }
  cursor.within('div', () => cursor.within('table', drawAll), { key: 'table', node, make: makeBox })
}

function makeBox(): HTMLElement {
  const box = create('div', 'table')
  // It scrolls, so the keyboard must reach it.
  box.tabIndex = 0
  box.setAttribute('role', 'group')
  box.setAttribute('aria-label', 'table')
  return box
}

interface Row {
  cell: 'td' | 'th'
  /** Class of each column. */
  columns: readonly string[]
  /** End of the text that belongs to the last cell. */
  end: number
}

function drawRow(node: SyntaxNode, { cell, columns, end }: Row, cursor: TextCursor): void {
  const cells = cellsOf(node)
  const drawCell = ({ parts, content }: TableCell, i: number) => {
    const draw = () => {
      for (const part of parts) {
        if (part === content) drawInlines(part, cursor)
        else cursor.hide(part.to)
      }
      if (i === cells.length - 1) cursor.hide(end)
    }
    // An empty head is no head.
    cursor.within(content ? cell : 'td', draw, { className: columns[i] })
  }
  cursor.within('tr', () => cells.forEach(drawCell))
}
