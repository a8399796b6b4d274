import { cellWidth, graphemes } from './cell-width.js'

/** Wraps a text into lines of at most `width` columns, at blanks if possible. It must be safe to print. */
export function wrap(text: string, width: number): string[] {
  return text.split('\n').flatMap((line) => wrapLine(line, Math.max(1, width)))
}

/** Wraps the end of a text into at least `count` lines, if it has them. The beginning of a long text is not wrapped. */
export function wrapTail(text: string, width: number, count: number): string[] {
  const lines: string[] = []
  let end = text.length
  while (lines.length < count && end >= 0) {
    const start = text.lastIndexOf('\n', end - 1) + 1
    lines.unshift(...wrap(text.slice(start, end), width))
    end = start - 1
  }
  return lines
}

function wrapLine(line: string, width: number): string[] {
  const lines: string[] = []
  let current = ''
  let used = 0
  for (const word of line.match(/ +|[^ ]+/g) ?? []) {
    const size = cellWidth(word)
    if (used + size <= width) {
      current += word
      used += size
      continue
    }
    if (word[0] === ' ') {
      // A line does not begin with the blanks of the break.
      lines.push(current)
      current = ''
      used = 0
      continue
    }
    if (used > 0) lines.push(current.trimEnd())
    const pieces = cut(word, width)
    current = pieces.pop() ?? ''
    used = cellWidth(current)
    lines.push(...pieces)
  }
  return [...lines, current]
}

/** Cuts a text into pieces of `width` columns (one less before a wide character) and a rest. */
export function cut(text: string, width: number): string[] {
  const pieces: string[] = []
  let piece = ''
  let used = 0
  for (const grapheme of graphemes(text)) {
    const size = cellWidth(grapheme)
    if (used + size > width && piece !== '') {
      pieces.push(piece)
      piece = ''
      used = 0
    }
    piece += grapheme
    used += size
  }
  return [...pieces, piece]
}
