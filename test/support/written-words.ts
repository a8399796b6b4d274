/** A line of prose: a comment, a message of the program, or a line of a document. */
export interface Line {
  /** Counted from 1. */
  number: number
  text: string
  /** Whether it is the first line of a comment or paragraph. */
  isFirst: boolean
}

/** A string with a space, which a person may read. */
const MESSAGE = /(['"`])((?:(?!\1)[^\\]|\\.)*\s(?:(?!\1)[^\\]|\\.)*)\1/g

/**
 * Comments and messages of a TypeScript or JavaScript file, by line. It needs no parser: a `//` outside quotes begins a
 * comment, and a quoted text with a space is a message.
 */
export function wordsOfSource(source: string): Line[] {
  const lines: Line[] = []
  let inBlock = false
  let inLineComment = false
  let isFirst = false
  for (const [i, whole] of source.split('\n').entries()) {
    let line = whole
    const opening = inBlock ? -1 : line.search(/\/\*(?!.*\*\/\s*\S)/)
    if (!inBlock && opening >= 0 && !isQuoted(line, opening)) {
      inBlock = true
      isFirst = true
      addMessages(lines, line.slice(0, opening), i + 1)
      line = line.slice(opening)
    }
    if (inBlock) {
      const closed = line.includes('*/')
      const text = line
        .replace(/^\s*\/?\*+\/?\s?|\s*\*+\/\s*$/g, '')
        .replace(/\*\/.*$/, '')
        .trim()
      if (text) {
        lines.push({ number: i + 1, text, isFirst })
        isFirst = false
      }
      if (closed) inBlock = false
      inLineComment = false
      continue
    }
    const slashes = commentStart(line)
    addMessages(lines, slashes < 0 ? line : line.slice(0, slashes), i + 1)
    if (slashes >= 0) {
      const alone = line.slice(0, slashes).trim() === ''
      lines.push({ number: i + 1, text: line.slice(slashes + 2).trim(), isFirst: !(alone && inLineComment) })
      inLineComment = alone
    } else inLineComment = false
  }
  return lines
}

/** Prose of a Markdown document, by line, without code blocks and code in backticks. */
export function wordsOfDocument(text: string): Line[] {
  let inCode = false
  return text.split('\n').flatMap((line, i) => {
    if (/^\s*(```|~~~)/.test(line)) {
      inCode = !inCode
      return []
    }
    if (inCode || /^ {4}/.test(line) || line.trim() === '') return []
    const prose = line.replace(/`[^`]*`/g, '``').replace(/\]\([^)]*\)/g, ']')
    return [{ number: i + 1, text: prose.replace(/^\s*(?:[-*#>|]+|\d+\.)\s*/, ''), isFirst: true }]
  })
}

function addMessages(lines: Line[], code: string, number: number): void {
  if (/^\s*(import|export) .* from /.test(code)) return
  for (const [, , text] of code.matchAll(MESSAGE)) {
    lines.push({ number, text: text.replace(/\$\{[^}]*\}/g, '{}'), isFirst: true })
  }
}

/** Index at which a `//` comment begins, or -1. */
function commentStart(line: string): number {
  for (let at = line.indexOf('//'); at >= 0; at = line.indexOf('//', at + 2)) {
    if (!isQuoted(line, at) && line[at - 1] !== ':' && line[at - 1] !== '\\') return at
  }
  return -1
}

function isQuoted(line: string, at: number): boolean {
  return ["'", '"', '`'].some((quote) => line.slice(0, at).split(quote).length % 2 === 0)
}
