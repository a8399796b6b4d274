import type { SyntaxNode } from '@lezer/common'
import { MOST_IN_PARAGRAPH } from './grammar.js'

export type { SyntaxNode, Tree } from '@lezer/common'

/** Nodes that are only marks. */
const MARKS = new Set([
  'HeaderMark',
  'QuoteMark',
  'ListMark',
  'LinkMark',
  'EmphasisMark',
  'StrikethroughMark',
  'CodeMark',
  'TableDelimiter',
])

export function isMark({ name }: SyntaxNode): boolean {
  return MARKS.has(name)
}

/** Whether a paragraph is too long to be parsed. */
export function isTooLong(node: SyntaxNode): boolean {
  return node.to - node.from > MOST_IN_PARAGRAPH && !node.firstChild
}

export function childrenOf(node: SyntaxNode): SyntaxNode[] {
  const children: SyntaxNode[] = []
  for (let child = node.firstChild; child; child = child.nextSibling) children.push(child)
  return children
}

/** Level of a heading; undefined if a node is none. */
export function headingLevel({ name }: SyntaxNode): number | undefined {
  const [, level] = /^ATXHeading(\d)$/.exec(name) ?? []
  return level === undefined ? undefined : Number(level)
}

export interface LinkParts {
  /** The marks around its text. */
  opening: SyntaxNode
  closing: SyntaxNode
  /** Whether a target is behind the text. If not, its brackets are text. */
  hasTarget: boolean
  url?: SyntaxNode
}

export function partsOfLink(node: SyntaxNode): LinkParts {
  const [opening, closing, target] = node.getChildren('LinkMark')
  const hasTarget = target !== undefined || node.name === 'Autolink'
  // The text of a link may have addresses, too.
  return { opening, closing, hasTarget, url: hasTarget ? node.getChildren('URL').at(-1) : undefined }
}

export interface TableCell {
  /** Its content and the bars beside it. */
  parts: SyntaxNode[]
  content?: SyntaxNode
}

/** The cells of a table's row. The parser has no nodes for empty ones, so the bars between decide. */
export function cellsOf(row: SyntaxNode): TableCell[] {
  const parts = childrenOf(row)
  const cells: TableCell[] = [{ parts: [] }]
  for (const [i, part] of parts.entries()) {
    const own = cells[cells.length - 1]
    own.parts.push(part)
    if (part.name === 'TableCell') own.content = part
    else if (i > 0 && i < parts.length - 1) cells.push({ parts: [] })
  }
  return cells
}

/** The side that each column of a table is aligned to, by the line of dashes below its head; empty if it is the left one. */
export function alignmentsOf(line: string): ('' | 'right' | 'centre')[] {
  const columns = line.trim().replace(/^\|/, '').replace(/\|$/, '').split('|')
  return columns.map((column) => {
    const [isLeft, isRight] = [column.trim().startsWith(':'), column.trim().endsWith(':')]
    return isLeft && isRight ? 'centre' : isRight ? 'right' : ''
  })
}
