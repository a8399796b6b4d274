import { graphemes } from '../terminal/cell-width.js'
import { cut } from '../terminal/wrap.js'
import type { Editor } from './editor.js'

const PROMPT = '› '
const INDENT = '  '

/** The text being written in lines of at most `width` columns, of them at most `height`: those around the cursor. */
export function inputLines({ text, cursor }: Pick<Editor, 'text' | 'cursor'>, width: number, height: number): string[] {
  const before = text.slice(0, cursor)
  const [under = ''] = graphemes(text.slice(cursor))
  const isAtEnd = under === '' || under === '\n'
  const after = text.slice(cursor + (isAtEnd ? 0 : under.length))
  // The cursor's character stands for itself while the lines are made, and is set off afterwards.
  const marked = `${before}${CURSOR}${after}`
  const shown = isAtEnd ? ' ' : under
  const lines = marked.split('\n').flatMap((line) => cut(line, width - PROMPT.length - (shown.length > 1 ? 1 : 0)))
  const row = lines.findIndex((line) => line.includes(CURSOR))
  const first = Math.min(Math.max(0, row - height + 1), Math.max(0, lines.length - height))
  return lines
    .map((line, i) => `${i === 0 ? PROMPT : INDENT}${line.replace(CURSOR, () => `\x1b[7m${shown}\x1b[27m`)}`)
    .slice(first, first + height)
}

/** A private character, which no text that a user writes is likely to have; it is one column wide. */
const CURSOR = '\u{f8ff}'
