import { GrowingMarkdown } from '../../chat/markdown/growing-markdown.js'
import { headingLevel, type SyntaxNode } from '../../chat/markdown/nodes.js'
import { wrapTail } from '../../ground/output/wrap.js'
import { blockLines, codeLines, columnOf, dedented, hasGap } from './draw-blocks.js'
import type { Paper } from './run-lines.js'

/** A block or an item of a list that no further text changes. It has no node: the node would keep its whole tree. */
interface Closed {
  name: string
  from: number
  to: number
  /** Its place among the items of its list. */
  index: number
  /** Whether a blank line is before it. */
  isApart: boolean
  lines?: string[]
}

/** Draws the end of a Markdown text that grows: its closed blocks are drawn once, the open one is plain. */
export class RunningMarkdown {
  private markdown = new GrowingMarkdown()
  /** The lines that are parsed: all that are complete, but perhaps for the last rows of a table. */
  private text = ''
  private document?: SyntaxNode
  private closed: Closed[] = []
  /** Number of closed items of the last list. */
  private items = 0
  /** The block or the item that is being written. */
  private open?: SyntaxNode
  private paper?: Paper

  /** At least the last `count` lines of a text without control characters, if it has them. */
  lines(text: string, count: number, paper: Paper): string[] {
    this.read(text)
    const { closed, paper: before } = this
    if (before?.width !== paper.width || before.background !== paper.background) {
      for (const one of closed) one.lines = undefined
    }
    this.paper = paper
    const parts = [this.openLines(text, count, paper)]
    let lines = parts[0].length
    for (let i = closed.length - 1; i >= 0 && lines < count; i--) {
      closed[i].lines ??= this.draw(closed[i], text, paper)
      parts.push(closed[i].lines ?? [])
      lines += parts[parts.length - 1].length
    }
    return parts.reverse().flat()
  }

  /** Parses the lines that are complete; begins again if the text does not continue the last one. */
  private read(text: string): void {
    const complete = text.slice(0, Math.max(0, text.lastIndexOf('\n')))
    const isMore = complete.startsWith(this.text)
    if (!isMore) {
      this.markdown = new GrowingMarkdown()
      this.closed = []
      this.items = 0
    }
    if (isMore && complete.length === this.text.length) return
    // More rows of a table close nothing, and each would have the parser begin with the first one again.
    if (isMore && this.open?.name === 'Table' && /^(?:\n\|.*)+$/.test(complete.slice(this.text.length))) return
    this.text = complete
    this.document = this.markdown.parse(complete, false).topNode
    this.open = this.close(this.document)
  }

  /** Collects the blocks that are closed by now. Returns the open one. */
  private close(document: SyntaxNode): SyntaxNode | undefined {
    const begin = this.closed.at(-1)?.to ?? 0
    for (let block = document.childAfter(begin); block; block = block.nextSibling) {
      const isLast = !block.nextSibling
      if (!isList(block)) {
        if (isLast && !this.isClosed(block)) return block
        this.add(block, 0)
        continue
      }
      for (let item = block.childAfter(begin); item; item = item.nextSibling) {
        if (isLast && !item.nextSibling) return item
        this.add(item, this.items++)
      }
      this.items = 0
    }
    return undefined
  }

  private add({ name, from, to }: SyntaxNode, index: number): void {
    const before = this.closed.at(-1)
    this.closed.push({ name, from, to, index, isApart: before !== undefined && hasGap(this.text, before, from) })
  }

  /** Whether no further line changes the last block. */
  private isClosed(block: SyntaxNode): boolean {
    const { name } = block
    if (name === 'FencedCode') return block.getChildren('CodeMark').length > 1
    if (name === 'HorizontalRule' || headingLevel(block) !== undefined) return true
    return name !== 'CodeBlock' && this.text.slice(this.text.lastIndexOf('\n') + 1).trim() === ''
  }

  private draw({ from, index, isApart }: Closed, text: string, paper: Paper): string[] {
    const block = this.document?.childAfter(from)
    const node = block && isList(block) ? block.childAfter(from) : block
    const lines = node ? blockLines(node, index, { ...paper, text, level: 0 }) : []
    return isApart ? ['', ...lines] : lines
  }

  /** The last lines of the text behind the closed blocks: plain, or code with its bar from the first line on. */
  private openLines(text: string, count: number, paper: Paper): string[] {
    const last = this.closed.at(-1)
    const open = text.slice(last?.to ?? 0).replace(/^(?: *\n)+/, '')
    if (open === '') return []
    const lines =
      this.open?.name === 'FencedCode' ? tailOfCode(this.open, text, count, paper) : wrapTail(open, paper.width, count)
    return last && hasGap(text, last, text.length - open.length) ? ['', ...lines] : lines
  }
}

function isList({ name }: SyntaxNode): boolean {
  return name === 'BulletList' || name === 'OrderedList'
}

function tailOfCode(code: SyntaxNode, text: string, count: number, paper: Paper): string[] {
  const [fence, ...all] = text.slice(code.from).split('\n')
  if (all.at(-1) === '') all.pop()
  const lines = all.slice(-count).map((line) => dedented(line, columnOf(code, { text })))
  return codeLines({ info: lines.length < all.length ? '' : fence.replace(/^[`~]+/, '').trim(), lines }, paper)
}
