import type { SyntaxNode } from '@lezer/common'

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

export function childrenOf(node: SyntaxNode): SyntaxNode[] {
  const children: SyntaxNode[] = []
  for (let child = node.firstChild; child; child = child.nextSibling) children.push(child)
  return children
}
