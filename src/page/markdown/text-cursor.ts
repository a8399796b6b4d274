import { MOST_IN_PARAGRAPH } from '../../chat/markdown/grammar.js'
import type { SyntaxNode } from '../../chat/markdown/nodes.js'
import type { DomPatch } from '../elements/dom-patch.js'
import { create } from '../elements/elements.js'

/** Most elements within one another; the text of deeper ones is drawn as it is. */
const DEEPEST = 24
/** Characters of the parts of a line that is too long to be parsed: browsers take very long for one of control characters. */
const PART_OF_LINE = 2_000

type Tag = keyof HTMLElementTagNameMap

/** A text in the pieces of its tokens. */
export interface PiecedText {
  text: string
  /** Offset of each piece in the text. */
  starts: readonly number[]
  /** Number of each piece's token, or -1. */
  tokens: readonly number[]
}

export interface ElementOptions {
  className?: string
  /** The node whose text the element has: if it is the same as before, the element stays. */
  node?: SyntaxNode
  /** Creates the element in place of `className`; for the same `key` it is created once. */
  make?: () => HTMLElement
  key?: string
}

/**
 * Draws a text from its start to its end. Every character is drawn: the marks of Markdown are hidden and not left out, so
 * that each token has its place.
 */
export class TextCursor {
  /** Offset of the text that is drawn next. */
  at = 0
  private depth = 0
  /** Whether blanks that come next only indent a line. */
  private isIndent = false

  constructor(
    private readonly patch: DomPatch,
    private readonly source: PiecedText,
  ) {}

  get length(): number {
    return this.source.text.length
  }

  /** Whether no more elements may be drawn within this one. */
  get isDeep(): boolean {
    return this.depth >= DEEPEST
  }

  textOf({ from, to }: { from: number; to: number }): string {
    return this.source.text.slice(from, to)
  }

  /** Draws an element whose inside `draw` draws. */
  within(tag: Tag, draw: () => void, { className = '', node, key = className, make }: ElementOptions = {}): void {
    const source = node?.tree ?? undefined
    const end = this.patch.element(`${tag} ${key}`, this.at, source, make ?? (() => create(tag, className)))
    if (end !== undefined) {
      this.at = end
      return
    }
    this.depth++
    draw()
    this.depth--
    this.patch.close(this.at)
  }

  /** Draws the text up to an offset; blanks that only indent a line are hidden. */
  show(to: number): void {
    while (this.at < to) {
      const rest = this.source.text.slice(this.at, to)
      if (this.isIndent) {
        this.pieces(this.at + (/^[ \t]+/.exec(rest)?.[0].length ?? 0), true)
        this.isIndent = false
        continue
      }
      const found = rest.search(/\n[ \t]/)
      if (found < 0) return this.pieces(to, false)
      this.pieces(this.at + found + 1, false)
      this.isIndent = true
    }
  }

  /** Draws the text up to an offset with its blanks. */
  showExactly(to: number): void {
    const { text } = this.source
    for (let line = this.at; line < to; ) {
      const found = text.indexOf('\n', line)
      const end = found < 0 || found >= to ? to : found + 1
      if (end - line > MOST_IN_PARAGRAPH) {
        this.pieces(line, false)
        while (this.at < end) {
          const next = Math.min(end, this.at + PART_OF_LINE)
          this.within('span', () => this.pieces(next, false), { className: 'part' })
        }
      }
      line = end
    }
    this.pieces(to, false)
  }

  /** Draws marks up to an offset, which are hidden. `isIndent` says that blanks behind them belong to them. */
  hide(to: number, isIndent = false): void {
    this.pieces(to, true)
    this.isIndent = isIndent
  }

  /** Draws the text up to an offset, a piece per token. */
  private pieces(to: number, isMark: boolean): void {
    const { text, starts, tokens } = this.source
    while (this.at < to) {
      const piece = pieceAt(starts, this.at)
      const end = Math.min(to, starts[piece + 1] ?? text.length)
      this.patch.text(text.slice(this.at, end), tokens[piece], isMark)
      this.at = end
    }
  }
}

function pieceAt(starts: readonly number[], offset: number): number {
  let [low, high] = [0, starts.length - 1]
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (starts[middle] <= offset) low = middle
    else high = middle - 1
  }
  return low
}
