import { stripVTControlCharacters } from 'node:util'
import { alignmentsOf, cellsOf, childrenOf, type SyntaxNode } from '../../chat/markdown/nodes.js'
import { cellWidth, fit, widestOf } from '../../ground/output/cell-width.js'
import { ASIDE, CODE, type InlineRun, inlinesOf, STRONG } from './inlines.js'
import { drawRun, type Paper, runLines } from './run-lines.js'

/** Minimum columns of a cell that is wrapped; with less, a table becomes a list of records. */
const LEAST_COLUMN = 8
/** Maximum columns of the line between records. */
const MOST_RULE = 20
/** Maximum rows or records with lines between them. */
const MOST_RULED = 200

/** Draws a table whose columns fit into the paper, or its rows as records if there are too many columns. */
export function drawTable(node: SyntaxNode, sheet: Paper & { text: string }): string[] {
  const [head, line, ...rest] = childrenOf(node).filter(({ name }) => name !== 'QuoteMark')
  const heads = cellRuns(head, sheet.text).map((cell) => cell.map((run) => ({ ...run, looks: run.looks | STRONG })))
  const alignments = alignmentsOf(sheet.text.slice(line.from, line.to))
  const cells = rest.map((row) => {
    const own = cellRuns(row, sheet.text)
    // The last cell takes all that the header has no column for.
    const last = own.slice(heads.length - 1).flatMap((cell, i) => (i > 0 ? [{ text: ' | ', looks: 0 }, ...cell] : cell))
    return own.length <= heads.length ? own : [...own.slice(0, heads.length - 1), last]
  })
  const natural = heads.map((head) => Math.max(1, widestOf(plainLines(head, sheet))))
  for (const row of cells) {
    for (const [column, cell] of row.entries()) {
      natural[column] = Math.max(natural[column], widestOf(plainLines(cell, sheet)))
    }
  }
  const widths = columnWidths(natural, sheet.width - BETWEEN.length * (heads.length - 1), LEAST_COLUMN)
  if (!widths) return recordLines(heads, cells, sheet)
  const drawn = [heads, ...cells].map((row) => rowLines(row, widths, alignments, sheet))
  const rule = drawRun(widths.map((width) => '─'.repeat(width)).join('─┼─'), ASIDE, sheet)
  const isRuled = drawn.length <= MOST_RULED && drawn.slice(1).some((lines) => lines.length > 1)
  return drawn.flatMap((lines, i) => (i === 0 || (isRuled && i < drawn.length - 1) ? [...lines, rule] : lines))
}

const BETWEEN = ' │ '

/** The runs of each cell; HTML's line breaks, which models write there, are line breaks, and a bar has no backslash. */
function cellRuns(row: SyntaxNode, text: string): InlineRun[][] {
  return cellsOf(row).map(({ content }) => {
    const runs = content ? inlinesOf(content, text) : []
    return runs.map(({ text, looks }) => ({
      text: looks & CODE ? text.replaceAll('\\|', '|') : text.replace(/ *<br ?\/?> */gi, '\n'),
      looks,
    }))
  })
}

/** The lines of a cell that is not wrapped, with the signs of `paper` but no styles. */
function plainLines(runs: readonly InlineRun[], paper: Paper): string[] {
  return runLines(runs, { ...paper, width: Number.MAX_SAFE_INTEGER }).map(stripVTControlCharacters)
}

function rowLines(
  row: readonly InlineRun[][],
  widths: readonly number[],
  alignments: readonly string[],
  paper: Paper,
): string[] {
  const columns = row.map((cell, column) => runLines(cell, { ...paper, width: widths[column] }))
  const height = Math.max(1, ...columns.map((lines) => lines.length))
  const between = drawRun(BETWEEN, ASIDE, paper)
  return Array.from({ length: height }, (_, i) => {
    const cells = columns.map((lines, column) => aligned(lines[i] ?? '', widths[column], alignments[column]))
    return cells.join(between).trimEnd()
  })
}

function aligned(text: string, width: number, alignment: string): string {
  const room = Math.max(0, width - cellWidth(stripVTControlCharacters(text)))
  const before = alignment === 'right' ? room : alignment === 'centre' ? room >> 1 : 0
  return ' '.repeat(before) + text + ' '.repeat(room - before)
}

function recordLines(heads: readonly InlineRun[][], rows: readonly InlineRun[][][], paper: Paper): string[] {
  const most = Math.max(1, Math.floor(paper.width / 2))
  const names = heads.map((head) => fit(plainLines(head, paper).join(' '), most))
  if (rows.length === 0) return names.map((name) => drawRun(name, STRONG, paper))
  const rule = drawRun('─'.repeat(Math.min(paper.width, MOST_RULE)), ASIDE, paper)
  return rows.flatMap((row, i) => {
    const lines = row.flatMap((cell, column) => {
      const name = { text: `${names[column]}: `, looks: STRONG }
      return cell.length > 0 ? runLines([name, ...cell], paper) : []
    })
    return i > 0 && rows.length <= MOST_RULED ? [rule, ...lines] : lines
  })
}

/** Shares out columns: narrow ones keep their width, others get equal shares. Undefined if a share is below `least`. */
function columnWidths(natural: readonly number[], room: number, least: number): number[] | undefined {
  const widths = [...natural]
  let rest = room
  let others = natural.length
  for (const column of [...natural.keys()].sort((a, b) => natural[a] - natural[b])) {
    const share = Math.floor(rest / others)
    widths[column] = Math.min(natural[column], share)
    if (widths[column] < natural[column] && share < least) return undefined
    rest -= widths[column]
    others--
  }
  return widths
}
