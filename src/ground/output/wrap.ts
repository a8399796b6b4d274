import { cellWidth, graphemes, graphemeWidth, isPlain } from './cell-width.js'

/** Wraps a text into lines of at most `width` columns, at blanks if possible. It must be safe to print. */
export function wrap(text: string, width: number): string[] {
  return text.split('\n').flatMap((line) => wrapLine(line, Math.max(1, width)))
}

/** Characters that are wrapped again as a long line grows. */
const STRETCH = 2048

/**
 * Wraps the end of a text into at least `count` lines, if it has them. The beginning of a long text or line is not
 * wrapped: the line's wrapping then begins at the end of a word, which stays the same for 2,048 more characters or
 * more.
 */
export function wrapTail(text: string, width: number, count: number): string[] {
  const lines: string[] = []
  let end = text.length
  while (lines.length < count && end >= 0) {
    const begin = text.lastIndexOf('\n', end - 1) + 1
    const start = beginOfTail(text, begin, end, Math.max(STRETCH, width * count))
    lines.unshift(...wrap(text.slice(start, end), width))
    // The rest of a long line is above `count` lines.
    end = start > begin ? -1 : begin - 1
  }
  return lines
}

/** The place in a line to wrap its end from: at least one stretch of characters and at most three are after it. */
function beginOfTail(text: string, begin: number, end: number, stretch: number): number {
  const first = begin + (Math.floor((end - begin) / stretch) - 2) * stretch
  if (first <= begin) return begin
  const blank = text.indexOf(' ', first)
  return blank >= 0 && blank < first + stretch ? blank + 1 : first
}

function wrapLine(line: string, width: number): string[] {
  if (line.length <= width && isPlain(line)) return [line]
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
    for (const piece of pieces) lines.push(piece)
  }
  return [...lines, current]
}

/** Cuts a text into pieces of `width` columns (one less before a wide character) and a rest. */
export function cut(text: string, width: number): string[] {
  const pieces: string[] = []
  if (isPlain(text)) {
    for (let at = width; at < text.length; at += width) pieces.push(text.slice(at - width, at))
    return [...pieces, text.slice(pieces.length * width)]
  }
  let piece = ''
  let used = 0
  for (const grapheme of graphemes(text)) {
    const size = graphemeWidth(grapheme)
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
