import type { Element, Line, MarkdownConfig } from '@lezer/markdown'

/** Signs around mathematics, which stays as written. */
const SIGNS = [
  ['$$', '$$'],
  ['\\[', '\\]'],
  ['\\(', '\\)'],
] as const
/** A price is no mathematics: $5 or $10. */
const SHORT = /^\$(?=[^\s$])[^$\n]*[^\s\\$]\$(?!\d)/

export const Mathematics: MarkdownConfig = {
  defineNodes: ['Mathematics', { name: 'MathematicsBlock', block: true }],
  parseInline: [
    {
      name: 'Mathematics',
      parse(cx, next, at) {
        if (next !== DOLLAR && next !== BACKSLASH) return -1
        const rest = cx.slice(at, cx.end)
        const length = lengthOf(rest) || (SHORT.exec(rest)?.[0].length ?? 0)
        return length > 0 ? cx.addElement(cx.elt('Mathematics', at, at + length)) : -1
      },
      before: 'Escape',
    },
  ],
  parseBlock: [
    {
      name: 'MathematicsBlock',
      parse(cx, line) {
        const end = endOfBlock(line)
        if (end === undefined) return false
        const { baseIndent } = line
        const from = cx.lineStart + line.pos
        const marks: Element[] = []
        // The sign that begins mathematics does not end it.
        let isEnd = line.text.includes(end, line.pos + end.length)
        // A line that is indented less is outside of the list or quote.
        while (cx.nextLine() && !isEnd && line.next >= 0 && line.baseIndent >= baseIndent) {
          marks.push(...line.markers)
          isEnd = line.text.includes(end, line.pos)
        }
        cx.addElement(cx.elt('MathematicsBlock', from, cx.prevLineEnd(), marks))
        return true
      },
      endLeaf: (_, line) => endOfBlock(line) !== undefined,
      before: 'FencedCode',
    },
  ],
}
const DOLLAR = '$'.charCodeAt(0)
const BACKSLASH = '\\'.charCodeAt(0)

/** Length of the mathematics between two signs that a text begins with, or 0. */
function lengthOf(text: string): number {
  const [begin, end] = SIGNS.find(([begin]) => text.startsWith(begin)) ?? ['', '']
  const at = begin === '' ? -1 : text.indexOf(end, begin.length)
  return at < 0 ? 0 : at + end.length
}

/** The sign that ends the mathematics whose lines begin here. Undefined if none begins, or if text is behind it. */
function endOfBlock({ text, pos }: Line): string | undefined {
  const rest = text.slice(pos).trimEnd()
  const [, end] = rest.startsWith('\\(') ? [] : (SIGNS.find(([begin]) => rest.startsWith(begin)) ?? [])
  const length = lengthOf(rest)
  return length === 0 || length === rest.length ? end : undefined
}
