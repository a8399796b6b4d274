import { childrenOf, headingLevel, isMark, isTooLong, type SyntaxNode, type Tree } from '../../chat/markdown/nodes.js'
import { create } from '../elements/elements.js'
import { drawCode } from './code-block.js'
import { drawInlines } from './markdown-inlines.js'
import { drawTable } from './markdown-table.js'
import type { TextCursor } from './text-cursor.js'

/** Draws a parsed text. */
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
