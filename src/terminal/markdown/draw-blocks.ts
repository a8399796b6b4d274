import { harmless, widestOf } from '../../ground/output/cell-width.js'
import type { ColourDepth } from '../../ground/output/colours.js'
import { cut, wrap } from '../../ground/output/wrap.js'
import { BlockParser } from './block-parser.js'
import type { Block, CodeBlock, Heading, List, ListItem, Quote } from './blocks.js'
import { tableLines } from './draw-table.js'
import { parseInlines } from './inline-parser.js'
import { ASIDE, LINK, STRONG } from './inlines.js'
import { drawRun, type Paper, runLines } from './run-lines.js'

/** Minimum columns of a text with something at its left; in less room it begins at the edge. */
const LEAST_INNER = 8
/** Maximum columns of a rule. */
const MOST_RULE = 80
/** Bullets of lists within each other. */
const BULLETS = ['•', '◦', '▪'] as const
/** Lines below the first two levels of headings. */
const UNDERLINES = ['═', '─'] as const

/** Draws blocks below one another, `level` lists deep. */
export function blockLines(blocks: readonly Block[], paper: Paper, level = 0): string[] {
  return blocks.flatMap((block, i) => {
    const lines = linesOf(block, paper, level)
    return block.hasGap && i > 0 ? ['', ...lines] : lines
  })
}

function linesOf(block: Block, paper: Paper, level: number): string[] {
  switch (block.kind) {
    case 'paragraph':
      return runLines(parseInlines(block.lines.join('\n')), paper)
    case 'heading':
      return headingLines(block, paper)
    case 'code':
      return codeLines(block, paper)
    case 'literal':
      return block.lines.flatMap((line) => wrap(line, paper.width))
    case 'quote':
      return quoteLines(block, paper, level)
    case 'list':
      return block.items.flatMap((item, i) => {
        const lines = itemLines(block, i, paper, level)
        return item.hasGap && i > 0 ? ['', ...lines] : lines
      })
    case 'table':
      return tableLines(block, paper)
    case 'rule':
      return [drawRun('─'.repeat(Math.max(1, Math.min(paper.width, MOST_RULE))), ASIDE, paper)]
  }
}

/** A heading: underlined by a line, by its style, or with its signs, by its level. */
function headingLines({ level, lines }: Heading, paper: Paper): string[] {
  const looks = STRONG | (level === 3 ? LINK : 0)
  const isSigned = level > 3 || (level === 3 && paper.depth === 'none')
  const sign = isSigned ? [{ text: `${'#'.repeat(level)} `, looks: ASIDE }] : []
  const title = parseInlines(lines.join('\n')).map((run) => ({ ...run, looks: run.looks | looks }))
  const drawn = runLines([...sign, ...title], paper)
  if (level > UNDERLINES.length) return drawn
  const width = Math.min(paper.width, widestOf(runLines(title, { ...paper, depth: 'none' })))
  return width > 0 ? [...drawn, drawRun(UNDERLINES[level - 1].repeat(width), ASIDE, paper)] : drawn
}

function quoteLines({ blocks }: Quote, paper: Paper, level: number): string[] {
  const bar = '│ '
  const width = paper.width - bar.length
  if (width < LEAST_INNER) return blockLines(blocks, paper, level)
  const inner = blockLines(blocks, { ...paper, width }, level)
  return (inner.length > 0 ? inner : ['']).map((line) => `${drawRun(bar, ASIDE, paper)}${line}`)
}

/** An item of a list, with its marker in front of the first line. */
export function itemLines({ items, mark }: List, index: number, paper: Paper, level = 0): string[] {
  const { number } = items[index]
  const { task, blocks } = taskOf(items[index])
  const sign = number === undefined ? (task ? '' : BULLETS[level % BULLETS.length]) : `${number}${mark}`
  const marker = [sign, task].filter(Boolean).join(' ')
  const indent = marker.length + 1
  const width = paper.width - indent
  if (width < LEAST_INNER) return [marker, ...blockLines(blocks, paper, level + 1)]
  const [first = '', ...rest] = blockLines(blocks, { ...paper, width }, level + 1)
  const hang = ' '.repeat(indent)
  return [`${marker} ${first}`.trimEnd(), ...rest.map((line) => (line === '' ? '' : `${hang}${line}`))]
}

/** Takes `[ ]` or `[x]` from the beginning of a task. */
function taskOf({ blocks }: ListItem): { task?: string; blocks: readonly Block[] } {
  const [first, ...rest] = blocks
  const [found, sign] = (first?.kind === 'paragraph' && /^\[([ xX])\] +(?=\S)/.exec(first.lines[0])) || []
  if (found === undefined || first?.kind !== 'paragraph') return { blocks }
  const lines = [first.lines[0].slice(found.length), ...first.lines.slice(1)]
  return { task: sign === ' ' ? '[ ]' : '[x]', blocks: [{ ...first, lines }, ...rest] }
}

/** Draws a whole Markdown text as lines for a terminal. Control characters in it are replaced. */
export function drawMarkdown(text: string, paper: Paper): string[] {
  const parser = new BlockParser()
  let at = 0
  // A line end at the end begins no line.
  for (const line of harmless(text).replace(/\n$/, '').split('\n')) {
    parser.add(line, at)
    at += line.length + 1
  }
  return blockLines(parser.blocks, paper)
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
export function codeLines({ info, lines }: Pick<CodeBlock, 'info' | 'lines'>, paper: Paper): string[] {
  const bar = barOf(paper.depth)
  const width = Math.max(1, paper.width - BAR)
  const label = info === '' ? [] : cut(info, width).map((part) => `${bar} ${drawRun(part, ASIDE, paper)}`)
  const code = lines.flatMap((line) => cut(line, width)).map((line) => (line === '' ? bar : `${bar} ${line}`))
  const drawn = [...label, ...code]
  return drawn.length > 0 ? drawn : [bar]
}

/** The bar is a blank with a grey ground: copied lines have blanks in front of the code, and no sign. */
function barOf(depth: ColourDepth): string {
  return depth === 'none' ? '│' : `\x1b[${GREYS[depth]}m \x1b[49m`
}
