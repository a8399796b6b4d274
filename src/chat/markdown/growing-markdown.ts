import { type Tree, TreeFragment } from '@lezer/common'
import { grammar, MOST_IN_PARAGRAPH } from './grammar.js'

/** Most characters of an answer that are parsed; the rest is plain text. */
const MOST_IN_TEXT = 100_000
/** A line that opens this many lists and quotes, each within the one before. */
const MANY_MARKS = /^(?:[ \t]*(?:[-*+>]|\d{1,9}[.)])){24}/

/** Parses a growing text. Each time it parses only the blocks that new text may change. */
export class GrowingMarkdown {
  private fragments: readonly TreeFragment[] = []
  /** The text as the parser reads it, of the same length: lines that are not parsed are letters. */
  private read = ''
  /** Start of the last line of `read`, and of the line before it. */
  private lastLine = 0
  private lineBefore = 0

  /** Parses a text that begins with the text of the call before. `isComplete` parses it from its start. */
  parse(text: string, isComplete: boolean): Tree {
    const { read: before, lineBefore } = this
    this.readOn(text)
    // A line decides on the block before it if both are the parts of a table.
    const changed = { fromA: lineBefore, toA: before.length, fromB: lineBefore, toB: text.length }
    const kept = isComplete ? [] : TreeFragment.applyChanges(this.fragments, [changed], 1)
    const tree = grammar.parse(this.read, kept)
    this.fragments = TreeFragment.addTree(tree)
    return tree
  }

  private readOn(text: string): void {
    const lines: string[] = [this.read.slice(0, this.lastLine)]
    let at = this.lastLine
    while (at < text.length) {
      const isRest = at >= MOST_IN_TEXT
      const found = isRest ? -1 : text.indexOf('\n', at)
      const end = found < 0 ? text.length : found + 1
      lines.push(isRest ? 'x'.repeat(end - at) : lineToParse(text.slice(at, end)))
      if (found < 0) break
      this.lineBefore = this.lastLine
      this.lastLine = at = end
    }
    this.read = lines.join('')
  }
}

function lineToParse(line: string): string {
  if (line.length <= MOST_IN_PARAGRAPH && !MANY_MARKS.test(line)) return line
  const end = line.endsWith('\n') ? '\n' : ''
  return 'x'.repeat(line.length - end.length) + end
}
