import { childrenOf, isMark, partsOfLink, type SyntaxNode } from '../../chat/markdown/nodes.js'
import { create } from '../elements/elements.js'
import type { TextCursor } from './text-cursor.js'

/** Nodes that are drawn as an element of this name. */
const ELEMENTS: Record<string, keyof HTMLElementTagNameMap> = {
  Emphasis: 'em',
  StrongEmphasis: 'strong',
  Strikethrough: 'del',
  InlineCode: 'code',
}
const LINKS = new Set(['Link', 'Image', 'Autolink', 'URL'])

/** Draws the text of a node with emphasis, code and links. */
export function drawInlines(node: SyntaxNode, cursor: TextCursor): void {
  cursor.hide(node.from)
  for (const child of childrenOf(node)) drawInline(child, cursor)
  cursor.show(node.to)
}

function drawInline(node: SyntaxNode, cursor: TextCursor): void {
  const { name } = node
  cursor.show(node.from)
  if (isMark(node)) return cursor.hide(node.to, name === 'QuoteMark' || name === 'HeaderMark')
  if (cursor.isDeep) return cursor.show(node.to)
  if (name === 'Escape') {
    cursor.hide(node.from + 1)
    return cursor.show(node.to)
  }
  // The line end is shown.
  if (name === 'HardBreak') return cursor.hide(node.to - 1)
  if (name === 'URL') return drawBareLink(node, cursor)
  if (LINKS.has(name)) return drawLink(node, cursor)
  const tag = ELEMENTS[name]
  if (tag) cursor.within(tag, () => drawInlines(node, cursor))
  else cursor.show(node.to)
}

/** Draws a link and its address behind it; it never loads an image. Without an allowed address it is text. */
function drawLink(node: SyntaxNode, cursor: TextCursor): void {
  const parts = childrenOf(node)
  const { opening, closing, url } = partsOfLink(node)
  const make = url && linkMaker(cursor.textOf(url), node.name === 'Image')
  if (!url || !make) {
    for (const part of parts) if (part.name !== 'LinkMark') drawInline(part, cursor)
    return cursor.show(node.to)
  }
  const draw = () => {
    cursor.hide(opening.to)
    for (const part of parts) {
      // There are no links within a link.
      if (part.from >= opening.to && part.to <= closing.from && !LINKS.has(part.name)) drawInline(part, cursor)
    }
    cursor.show(closing.from)
    cursor.hide(closing.to)
  }
  const address = cursor.textOf(url)
  const isAddress = cursor.textOf({ from: opening.to, to: closing.from }) === address
  cursor.within('a', draw, { key: `${node.name} ${address}`, make })
  if (isAddress) cursor.hide(node.to)
  else cursor.within('span', () => cursor.show(node.to), { className: 'target' })
}

function drawBareLink(url: SyntaxNode, cursor: TextCursor): void {
  const address = cursor.textOf(url)
  const make = linkMaker(address, false)
  if (make) cursor.within('a', () => cursor.show(url.to), { key: `URL ${address}`, make })
  else cursor.show(url.to)
}

/** A function that creates the link to an address. Undefined if it is not allowed. */
function linkMaker(written: string, isImage: boolean): (() => HTMLElement) | undefined {
  const address = allowedAddress(written)
  if (address === undefined) return undefined
  return () => {
    const link = create('a', isImage ? 'image' : '')
    link.href = address
    link.title = address
    link.target = '_blank'
    link.rel = 'noopener noreferrer'
    return link
  }
}

const ALLOWED = new Set(['http:', 'https:', 'mailto:'])
const MAIL = /^[\w.+-]+@[\w-]+(?:\.[\w-]+)+$/
const ESCAPED = /\\([!-/:-@[-`{-~])/g

/** The address that a link names, as it is written. Undefined if a link to it is not allowed. */
export function allowedAddress(written: string): string | undefined {
  const inner = /^<.*>$/s.test(written) ? written.slice(1, -1) : written
  const named = inner.replace(ESCAPED, '$1').replaceAll('&amp;', '&')
  const full = /^www\./i.test(named) ? `https://${named}` : MAIL.test(named) ? `mailto:${named}` : named
  try {
    const { protocol, href } = new URL(full)
    return ALLOWED.has(protocol) ? href : undefined
  } catch {
    // Relative addresses would be the server's.
    return undefined
  }
}
