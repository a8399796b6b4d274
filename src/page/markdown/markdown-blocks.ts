import {
  alignmentsOf,
  cellsOf,
  childrenOf,
  headingLevel,
  isMark,
  isTooLong,
  type SyntaxNode,
  type TableCell,
  type Tree,
} from '../../chat/markdown/nodes.js'
import { copyButton } from '../elements/clipboard.js'
import { create } from '../elements/elements.js'
import { drawInlines } from './markdown-inlines.js'
import type { TextCursor } from './text-cursor.js'

export function drawMarkdown({ topNode }: Tree, cursor: TextCursor): void {
  drawBlocks(topNode, cursor)
  cursor.hide(cursor.length)
}

/** Draws the blocks in a node below one another, with the marks between. */
function drawBlocks(node: SyntaxNode, cursor: TextCursor): void {
  for (const child of childrenOf(node)) {
    cursor.hide(isMark(child) ? child.to : child.from)
    if (!isMark(child)) drawBlock(child, cursor)
  }
  cursor.hide(node.to)
}

function drawBlock(node: SyntaxNode, cursor: TextCursor): void {
  if (isTooLong(node) || cursor.isDeep) return cursor.within('p', () => cursor.showExactly(node.to), { node })
  switch (node.name) {
    case 'FencedCode':
    case 'CodeBlock':
      return drawCode(node, cursor)
    case 'Table':
      return drawTable(node, cursor)
    case 'HorizontalRule':
      return cursor.within('div', () => cursor.hide(node.to), { className: 'rule', node })
    case 'Blockquote':
      return cursor.within('blockquote', () => drawBlocks(node, cursor), { node })
    case 'BulletList':
      return cursor.within('ul', () => drawItems(node, cursor), { node })
    case 'OrderedList':
      return drawOrderedList(node, cursor)
    case 'Task':
      return cursor.within('p', () => drawInlines(node, cursor), { className: 'task', node })
  }
  const level = headingLevel(node)
  // All are one level to screen readers: an answer may begin with any, and the page has those above.
  if (level) cursor.within('h3', () => drawInlines(node, cursor), { className: `level-${level}`, node })
  else cursor.within('p', () => drawInlines(node, cursor), { node })
}

function drawOrderedList(node: SyntaxNode, cursor: TextCursor): void {
  const mark = node.getChild('ListItem')?.getChild('ListMark')
  const start = mark ? Number.parseInt(cursor.textOf(mark), 10) : 1
  const make = () => {
    const list = create('ol')
    list.start = start
    return list
  }
  cursor.within('ol', () => drawItems(node, cursor), { key: `from ${start}`, node, make })
}

/** Draws the items of a list. The text and the marks between two are in the second: a list has no other elements. */
function drawItems(node: SyntaxNode, cursor: TextCursor): void {
  for (const item of childrenOf(node)) {
    if (!isMark(item)) cursor.within('li', () => drawBlocks(item, cursor), { node: item })
  }
}

/** Draws a block of code with its language and a button that copies it. */
function drawCode(node: SyntaxNode, cursor: TextCursor): void {
  const info = node.getChild('CodeInfo')
  const drawCode = () => {
    for (const part of childrenOf(node)) {
      if (part.name !== 'CodeText') continue
      cursor.hide(part.from)
      cursor.showExactly(part.to)
    }
    cursor.hide(node.to)
  }
  const draw = () => {
    if (info) cursor.within('div', () => drawInfo(info, cursor), { className: 'language' })
    cursor.within('pre', () => cursor.within('code', drawCode), { make: makeBox })
    cursor.within('button', () => undefined, { make: makeButton })
  }
  cursor.within('div', draw, { className: 'code', node })
}

function drawInfo({ from, to }: SyntaxNode, cursor: TextCursor): void {
  cursor.hide(from)
  cursor.show(to)
}

function makeBox(): HTMLElement {
  const box = create('pre')
  // It scrolls, so the keyboard must reach it.
  box.tabIndex = 0
  return box
}

function makeButton(): HTMLElement {
  const button: HTMLElement = copyButton('Copy the code', () => {
    const [...nodes] = button.previousElementSibling?.firstElementChild?.childNodes ?? []
    const shown = nodes.filter((node) => !(node instanceof Element && node.matches('.markup')))
    return shown.map(({ textContent }) => textContent).join('')
  })
  return button
}

/** Draws a table in a box that scrolls. */
function drawTable(node: SyntaxNode, cursor: TextCursor): void {
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
  cursor.within('div', () => cursor.within('table', drawAll), { key: 'table', node, make: makeTableBox })
}

function makeTableBox(): HTMLElement {
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
