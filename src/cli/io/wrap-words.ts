import { cellWidth } from '../../terminal/cell-width.js'

/** Indent of the continuation of a line. */
const INDENT = '  '

/** Wraps lines that are wider than a terminal, at blanks only: paths and numbers stay in one piece. */
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
