import { GrowingMarkdown } from '../../chat/markdown/growing-markdown.js'
import { childrenOf, headingLevel, isMark, isTooLong, type SyntaxNode } from '../../chat/markdown/nodes.js'
import { harmless, widestOf } from '../../ground/output/cell-width.js'
import type { ColourDepth } from '../../ground/output/colours.js'
import { cut, wrap } from '../../ground/output/wrap.js'
import { drawTable } from './draw-table.js'
import { ASIDE, inlinesOf, LINK, STRONG } from './inlines.js'
import { drawRun, type Paper, runLines } from './run-lines.js'

/** Minimum columns of a text with something at its left; in less room it begins at the edge. */
const LEAST_INNER = 8
const MOST_RULE = 80
const BULLETS = ['•', '◦', '▪'] as const
/** Lines below the first two levels of headings. */
const UNDERLINES = ['═', '─'] as const

/** The room of blocks, with the text that they are in. */
export interface Sheet extends Paper {
  text: string
  level: number
}

/** Draws a whole Markdown text as lines for a terminal. Control characters in it are replaced. */
export function drawMarkdown(written: string, paper: Paper): string[] {
  // A line end at the end begins no line.
  const text = harmless(written).replace(/\n$/, '')
  const { topNode } = new GrowingMarkdown().parse(text, true)
  return linesWithin(topNode, { ...paper, text, level: 0 })
}

function linesWithin(node: SyntaxNode, sheet: Sheet): string[] {
  const blocks = childrenOf(node).filter((child) => !isMark(child))
  return blocks.flatMap((block, i) => {
    const lines = blockLines(block, i, sheet)
    return i > 0 && hasGap(sheet.text, blocks[i - 1], block.from) ? ['', ...lines] : lines
  })
}

/** Whether the line above a place of a text is blank, apart from the signs of quotes; `before` is the block before it. */
export function hasGap(text: string, before: { name: string; to: number }, at: number): boolean {
  const end = text.lastIndexOf('\n', at - 1)
  const begin = text.lastIndexOf('\n', end - 1) + 1
  // The last line of a quote may have no more than its sign.
  return /^[ >]*$/.test(text.slice(begin, end)) && !(before.name === 'Blockquote' && before.to > begin)
}

/** Draws a block, or an item of a list; `index` is its place among its siblings. */
export function blockLines(node: SyntaxNode, index: number, sheet: Sheet): string[] {
  if (isTooLong(node)) return wrap(textOf(node, sheet), sheet.width)
  const level = headingLevel(node)
  if (level !== undefined) return headingLines(node, level, sheet)
  switch (node.name) {
    case 'FencedCode':
    case 'CodeBlock': {
      const info = node.getChild('CodeInfo')
      return codeLines({ info: info ? textOf(info, sheet) : '', lines: linesOfCode(node, sheet.text) }, sheet)
    }
    case 'HTMLBlock':
    case 'CommentBlock':
    case 'ProcessingInstructionBlock':
    case 'MathematicsBlock':
      return literalLines(node, sheet)
    case 'Blockquote':
      return quoteLines(node, sheet)
    case 'BulletList':
    case 'OrderedList':
      return linesWithin(node, sheet)
    case 'ListItem':
      return itemLines(node, index, sheet)
    case 'Table':
      return drawTable(node, sheet)
    case 'HorizontalRule':
      return [drawRun('─'.repeat(Math.max(1, Math.min(sheet.width, MOST_RULE))), ASIDE, sheet)]
    default:
      return runLines(inlinesOf(node, sheet.text), sheet)
  }
}

/** A heading: underlined by a line, by its style, or with its signs, by its level. */
function headingLines(node: SyntaxNode, level: number, sheet: Sheet): string[] {
  const looks = STRONG | (level === 3 ? LINK : 0)
  const isSigned = level > 3 || (level === 3 && sheet.depth === 'none')
  const sign = isSigned ? [{ text: `${'#'.repeat(level)} `, looks: ASIDE }] : []
  const title = inlinesOf(node, sheet.text).map((run) => ({ ...run, looks: run.looks | looks }))
  const drawn = runLines([...sign, ...title], sheet)
  if (level > UNDERLINES.length) return drawn
  const width = Math.min(sheet.width, widestOf(runLines(title, { ...sheet, depth: 'none' })))
  return width > 0 ? [...drawn, drawRun(UNDERLINES[level - 1].repeat(width), ASIDE, sheet)] : drawn
}

function literalLines(node: SyntaxNode, sheet: Sheet): string[] {
  // The signs of a quote are not part of it, and neither is the indentation of a list.
  const units = textOf(node, sheet).split('')
  for (const { from } of node.getChildren('QuoteMark')) units[from - node.from] = ' '
  const indent = columnOf(node, sheet)
  const lines = units.join('').split('\n')
  return lines.flatMap((line) => wrap(dedented(line, indent).trimEnd(), sheet.width))
}

/** The lines of code, without the indentation of its fence. */
export function linesOfCode(node: SyntaxNode, text: string): string[] {
  const parts = node.getChildren('CodeText')
  if (parts.length === 0) return []
  const begin = parts.find(({ from }) => text[from] !== '\n')
  const indent = begin && node.name === 'FencedCode' ? columnOf(node, { text }) - columnOf(begin, { text }) : 0
  const code = parts.map(({ from, to }) => text.slice(from, to)).join('')
  return code.split('\n').map((line) => dedented(line, indent))
}

/** A line without up to `columns` of the blanks at its beginning. */
export function dedented(line: string, columns: number): string {
  const rest = line.trimStart()
  return line.slice(Math.max(0, Math.min(columns, line.length - rest.length)))
}

function quoteLines(node: SyntaxNode, sheet: Sheet): string[] {
  const bar = '│ '
  const width = sheet.width - bar.length
  if (width < LEAST_INNER) return linesWithin(node, sheet)
  const inner = linesWithin(node, { ...sheet, width })
  return (inner.length > 0 ? inner : ['']).map((line) => `${drawRun(bar, ASIDE, sheet)}${line}`)
}

/** An item of a list, with its marker in front of the first line. */
function itemLines(node: SyntaxNode, index: number, sheet: Sheet): string[] {
  const outer = outerIndent(node, sheet)
  const level = sheet.level + (outer > 0 ? 1 : 0)
  const task = node.getChild('ListMark')?.nextSibling?.getChild('TaskMarker')
  const number = numberOf(node, index, sheet)
  const sign = number ?? (task ? '' : BULLETS[level % BULLETS.length])
  const marker = [sign, task ? textOf(task, sheet).toLowerCase() : ''].filter(Boolean).join(' ')
  const indent = outer + marker.length + 1
  const width = sheet.width - indent
  if (width < LEAST_INNER) return [marker, ...linesWithin(node, { ...sheet, level: level + 1 })]
  const [first = '', ...rest] = linesWithin(node, { ...sheet, width, level: level + 1 })
  const hang = ' '.repeat(indent)
  return [
    `${' '.repeat(outer)}${marker} ${first}`.trimEnd(),
    ...rest.map((line) => (line === '' ? '' : `${hang}${line}`)),
  ]
}

/** The number of an item with its sign: the written one, unless the first two items have the same. */
function numberOf(item: SyntaxNode, index: number, sheet: Sheet): string | undefined {
  let second = item.parent?.firstChild?.nextSibling
  while (second && isMark(second)) second = second.nextSibling
  const mark = markOf(item.parent?.firstChild, sheet)
  if (!/\d/.test(mark)) return undefined
  return mark === markOf(second, sheet) ? `${Number.parseInt(mark, 10) + index}${mark.slice(-1)}` : markOf(item, sheet)
}

/** Models indent a list in a numbered item by two columns, too, which CommonMark takes for a list below the item. */
function outerIndent(item: SyntaxNode, sheet: Sheet): number {
  const list = item.parent
  const above = list?.name === 'BulletList' ? list.prevSibling : null
  if (!list || above?.name !== 'OrderedList') return 0
  const [column, columnAbove] = [list, above].map((one) => columnOf(one.firstChild?.firstChild ?? one, sheet))
  return column - columnAbove < 2 ? 0 : markOf(above.lastChild, sheet).length + 1
}

function markOf(item: SyntaxNode | null | undefined, sheet: Sheet): string {
  const mark = item?.getChild('ListMark')
  return mark ? textOf(mark, sheet) : ''
}

function textOf({ from, to }: SyntaxNode, { text }: Sheet): string {
  return text.slice(from, to)
}

export function columnOf({ from }: SyntaxNode, { text }: { text: string }): number {
  return from - (text.lastIndexOf('\n', from - 1) + 1)
}

/** Columns of the bar and the blank after it. */
const BAR = 2
/** SGR parameters of a grey ground that shows on dark and on light backgrounds. */
const GREYS: Readonly<Record<Exclude<ColourDepth, 'none'>, string>> = {
  truecolor: '48;2;110;118;129',
  '256': '48;5;243',
  '16': '100',
}

/** Code with a bar at its left. Long lines are cut, and lose no character. */
export function codeLines({ info, lines }: { info: string; lines: string[] }, paper: Paper): string[] {
  const { depth } = paper
  // A blank with a grey ground: copied lines have blanks in front of the code, and no sign.
  const bar = depth === 'none' ? '│' : `\x1b[${GREYS[depth]}m \x1b[49m`
  const width = Math.max(1, paper.width - BAR)
  const label = info === '' ? [] : cut(info, width).map((part) => `${bar} ${drawRun(part, ASIDE, paper)}`)
  const code = lines.flatMap((line) => cut(line, width)).map((line) => (line === '' ? bar : `${bar} ${line}`))
  const drawn = [...label, ...code]
  return drawn.length > 0 ? drawn : [bar]
}
