import { cellWidth } from '../../terminal/cell-width.js'

/** In front of what continues a line. */
const INDENT = '  '

/**
 * Breaks lines that are wider than a terminal, at blanks alone: a path or a number stays in one piece, which the terminal
 * itself breaks if it must.
 */
export function wrapWords(text: string, columns: number): string {
  return text
    .split('\n')
    .map((line) => wrapLine(line, columns))
    .join('\n')
}

function wrapLine(line: string, columns: number): string {
  const [first, ...words] = line.split(' ')
  let wrapped = first
  let used = cellWidth(first)
  for (const word of words) {
    const size = cellWidth(word)
    const fits = used + 1 + size <= columns
    wrapped += fits ? ` ${word}` : `\n${INDENT}${word}`
    used = fits ? used + 1 + size : INDENT.length + size
  }
  return wrapped
}
