import type { SyntaxNode } from '@lezer/common'
import { create } from '../elements/elements.js'
import { drawInlines } from './markdown-inlines.js'
import { childrenOf } from './markdown-nodes.js'
import type { TextCursor } from './text-cursor.js'

/** Draws a table in a box that scrolls. */
export function drawTable(node: SyntaxNode, cursor: TextCursor): void {
  const [header, ...rest] = childrenOf(node)
  const rows = rest.filter(({ name }) => name === 'TableRow')
  const line = rest.find(({ name }) => name === 'TableDelimiter')
  const columns = line ? alignments(cursor.textOf(line)) : []
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

/** Draws a row. The parser has no nodes for empty cells, so the bars between decide. */
function drawRow(node: SyntaxNode, { cell, columns, end }: Row, cursor: TextCursor): void {
  const parts = childrenOf(node)
  const isBlank = (from: number, to: number) => cursor.textOf({ from, to }).trim() === ''
  const isBetween = ({ name, from, to }: SyntaxNode) =>
    name === 'TableDelimiter' && !isBlank(node.from, from) && !isBlank(to, node.to)
  const starts = [node.from, ...parts.filter(isBetween).map(({ to }) => to)]
  const drawCell = (from: number, i: number) => {
    const isLast = i === starts.length - 1
    const own = parts.filter((part) => part.from >= from && part.to <= (starts[i + 1] ?? node.to))
    // An empty head is no head.
    const tag = own.some(({ name }) => name === 'TableCell') ? cell : 'td'
    const draw = () => {
      for (const part of own) {
        if (part.name === 'TableCell') drawInlines(part, cursor)
        else cursor.hide(part.to)
      }
      cursor.hide(isLast ? end : starts[i + 1])
    }
    cursor.within(tag, draw, { className: columns[i] })
  }
  cursor.within('tr', () => starts.forEach(drawCell))
}

/** Classes of a table's columns by the line of dashes below its head. */
function alignments(line: string): string[] {
  const columns = line.trim().replace(/^\|/, '').replace(/\|$/, '').split('|')
  return columns.map((column) => {
    const [isLeft, isRight] = [column.trim().startsWith(':'), column.trim().endsWith(':')]
    return isLeft && isRight ? 'centre' : isRight ? 'right' : ''
  })
}
