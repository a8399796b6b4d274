import { childrenOf, isMark, partsOfLink, type SyntaxNode } from '../../chat/markdown/nodes.js'
import { harmless } from '../../ground/output/cell-width.js'

/** Looks of a text, as bits. */
export const STRONG = 1
export const EMPHASIS = 2
export const STRUCK = 4
export const CODE = 8
export const LINK = 16
/** The address of a link, or a sign. */
export const ASIDE = 32

export interface InlineRun {
  text: string
  looks: number
}

const LOOKS: Readonly<Record<string, number>> = {
  StrongEmphasis: STRONG,
  Emphasis: EMPHASIS,
  Strikethrough: STRUCK,
}
const MAIL = 'mailto:'
/** Most parts within one another; deeper ones are as written. */
const DEEPEST = 24

/** The text of a paragraph, a heading or a cell. The address of a link follows its text. */
export function inlinesOf(node: SyntaxNode, text: string): InlineRun[] {
  const inlines = new Inlines(text)
  inlines.addWithin(node, 0, DEEPEST)
  const { runs } = inlines
  const last = runs.at(-1)
  if (last && !(last.looks & CODE)) last.text = last.text.trimEnd()
  return runs
}

class Inlines {
  readonly runs: InlineRun[] = []

  constructor(private readonly source: string) {}

  /** Adds what is in a node, or only what is in a part of it. */
  addWithin(node: SyntaxNode, looks: number, deepest: number, { from, to }: Range = node): void {
    let at = from
    for (const child of childrenOf(node)) {
      if (child.from < from || child.to > to) continue
      this.add(this.source.slice(at, child.from), looks)
      this.addNode(child, looks, deepest)
      at = child.to
    }
    this.add(this.source.slice(at, to), looks)
  }

  private addNode(node: SyntaxNode, looks: number, deepest: number): void {
    const text = this.textOf(node)
    // An item has the sign of its task in place of a bullet.
    const isSign = node.name === 'TaskMarker' && node.parent?.prevSibling?.name === 'ListMark'
    if (isSign || isMark(node)) return
    switch (deepest > 0 ? node.name : '') {
      case 'Escape':
        return this.add(text.slice(1), looks)
      case 'Entity':
        return this.add(characterOf(text), looks)
      case 'HardBreak':
        return this.add('\n', looks)
      case 'InlineCode':
        return this.addCode(node, looks)
      case 'URL':
        return this.add(text, looks | LINK)
      case 'Link':
      case 'Image':
      case 'Autolink':
        return this.addLink(node, looks, deepest)
      case 'Emphasis':
      case 'StrongEmphasis':
      case 'Strikethrough':
        return this.addWithin(node, looks | LOOKS[node.name], deepest - 1)
      default:
        this.add(text, looks)
    }
  }

  private addCode(node: SyntaxNode, looks: number): void {
    const [opening, closing] = node.getChildren('CodeMark')
    // The signs of a quote may be at the beginning of a line.
    const inner = this.source.slice(opening.to, closing.from).replace(/\n[ >]*/g, ' ')
    const isPadded = inner.startsWith(' ') && inner.endsWith(' ') && inner.trim() !== ''
    this.runs.push({ text: isPadded ? inner.slice(1, -1) : inner, looks: looks | CODE })
  }

  private addLink(node: SyntaxNode, looks: number, deepest: number): void {
    const { opening, closing, hasTarget, url } = partsOfLink(node)
    const inner = { from: opening.to, to: closing.from }
    if (!hasTarget) this.add(this.textOf(opening), looks)
    this.addWithin(node, hasTarget ? looks | LINK : looks, deepest - 1, inner)
    if (!hasTarget) return this.add(this.textOf(closing), looks)
    const written = url ? this.textOf(url).replace(/\\([!-/:-@[-`{-~])/g, '$1') : ''
    const address = written.startsWith('<') ? written.slice(1, -1) : written
    const shown = this.textOf(inner)
    const title = node.getChild('LinkTitle')
    const isShown = address === shown || address === `${MAIL}${shown}`
    const aside = [isShown ? '' : address, title ? this.textOf(title) : ''].filter(Boolean).join(' ')
    if (aside !== '') this.add(` (${aside})`, looks | ASIDE)
  }

  /** Adds text; lines have no blanks at their beginnings and ends. Neighbours with the same looks become one. */
  private add(text: string, looks: number): void {
    const last = this.runs.at(-1)
    const isLineStart = !last || last.text.endsWith('\n')
    const lines = text.split('\n')
    const added = lines
      .map((line, i) => (i < lines.length - 1 ? line.trimEnd() : line))
      .map((line, i) => (i > 0 || isLineStart ? line.trimStart() : line))
      .join('\n')
    if (added === '') return
    if (last?.looks === looks && !(looks & CODE)) last.text += added
    else this.runs.push({ text: added, looks })
  }

  private textOf({ from, to }: Range): string {
    return this.source.slice(from, to)
  }
}

interface Range {
  from: number
  to: number
}

/** Characters of HTML behind their names, as answers of models have them. Other names stay text. */
const NAMED = new Map(
  `amp & lt < gt > quot " apos ' nbsp \u00a0 copy © reg ® trade ™ hellip … ndash – mdash — lsquo ‘ rsquo ’ ldquo “ rdquo ”
laquo « raquo » bull • middot · deg ° times × divide ÷ plusmn ± frac12 ½ euro € pound £ sect § larr ← rarr → uarr ↑
darr ↓ le ≤ ge ≥ ne ≠`
    .split(/[ \n](?=[a-z])/)
    .map((pair): [string, string] => [pair.slice(0, -2), pair.slice(-1)]),
)

/** The character of an entity such as `&amp;` or `&#38;`, safe to print; an unknown entity as written. */
function characterOf(entity: string): string {
  const [, base, digits = ''] = /^&#(x?)(\w+);$/i.exec(entity) ?? []
  if (base === undefined) return NAMED.get(entity.slice(1, -1)) ?? entity
  const code = Number.parseInt(digits, base === '' ? 10 : 16)
  const isCharacter = code > 0 && code < 0x110000 && !(code >= 0xd800 && code < 0xe000)
  return isCharacter ? harmless(String.fromCodePoint(code)).replace('\n', ' ') : '\u{fffd}'
}
