import { fit, graphemes } from '../../ground/output/cell-width.js'
import { inverse } from '../../ground/output/style.js'
import { cut } from '../../ground/output/wrap.js'
import type { Editor } from './editor.js'
import type { HistorySearch } from './history.js'

/** An editor, or a search in earlier inputs, which is shown in place of its text. */
type DrawnInput = Pick<Editor, 'text' | 'cursor'> & { search?: HistorySearch }

const PROMPT = '› '
const INDENT = '  '

/** Columns for the text of the input in a line of `width` columns. */
export function inputColumns(width: number): number {
  return Math.max(1, width - PROMPT.length)
}

/** Draws the input in this room; with too little room, the lines around the cursor, and says which rows they are. */
export function inputLines(
  { text, cursor, search }: DrawnInput,
  width: number,
  height: number,
  placeholder?: string,
): string[] {
  if (search) return [searchLine(search, width)]
  if (placeholder !== undefined) return [placeholderLine(placeholder, inputColumns(width))]
  const before = text.slice(0, cursor)
  const [under = ''] = graphemes(text.slice(cursor))
  const isAtEnd = under === '' || under === '\n'
  const after = text.slice(cursor + (isAtEnd ? 0 : under.length))
  // A sign marks the cursor while the text is cut into lines; the character under the cursor replaces it afterwards.
  const marked = `${before}${CURSOR}${after}`
  const atCursor = isAtEnd ? ' ' : under
  const lines = marked.split('\n').flatMap((line) => cut(line, inputColumns(width) - (atCursor.length > 1 ? 1 : 0)))
  const row = lines.findIndex((line) => line.includes(CURSOR))
  const all = lines.map((line, i) => {
    return `${i === 0 ? PROMPT : INDENT}${line.replace(CURSOR, () => inverse(atCursor))}`
  })
  if (lines.length <= height || height < 3) {
    const first = Math.min(Math.max(0, row - height + 1), Math.max(0, lines.length - height))
    return all.slice(first, first + height)
  }
  const first = Math.min(Math.max(0, row - height + 2), lines.length - height + 1)
  const shown = all.slice(first, first + height - 1)
  const rows = `rows ${first + 1}-${first + shown.length} of ${lines.length}`
  return [fit(`${INDENT}(${rows})`, width), ...shown]
}

function placeholderLine(placeholder: string, width: number): string {
  const [first, ...rest] = fit(`${placeholder} (Tab)`, width)
  return `${PROMPT}${inverse(first)}\x1b[2m${rest.join('')}\x1b[22m`
}

function searchLine({ text, found }: HistorySearch, width: number): string {
  const what = text === '' ? 'search earlier inputs: ' : `search "${text}": `
  return fit(what + (found ?? (text === '' ? '' : 'nothing found')).replace(/\s+/g, ' '), width)
}

/** A private-use character, unlikely in any text, and one column wide. */
const CURSOR = '\u{f8ff}'
