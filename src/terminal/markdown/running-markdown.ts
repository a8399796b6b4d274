import { wrapTail } from '../../ground/output/wrap.js'
import { type ClosedBlock, GrowingText } from './closed-blocks.js'
import { blockLines, codeLines, itemLines } from './draw-blocks.js'
import type { Paper } from './run-lines.js'

/** Draws the end of a Markdown text that grows: its closed blocks are drawn once, the open one is plain. */
export class RunningMarkdown {
  private readonly text = new GrowingText()
  private closed: readonly ClosedBlock[] = []
  private paper?: Paper
  /** Lines of the closed blocks that were drawn, by their index. */
  private drawn: string[][] = []

  /** At least the last `count` lines of a text without control characters, if it has them. */
  lines(text: string, count: number, paper: Paper): string[] {
    const { closed, open, hasGap, code } = this.text.update(text)
    const { paper: before } = this
    const isSame = before && before.width === paper.width && before.background === paper.background
    if (!isSame || closed !== this.closed) this.drawn = []
    this.paper = paper
    this.closed = closed
    const rest = code ? tailOfCode(code, text, count, paper) : open === '' ? [] : wrapTail(open, paper.width, count)
    const parts = [hasGap && closed.length > 0 && rest.length > 0 ? ['', ...rest] : rest]
    let lines = parts[0].length
    for (let i = closed.length - 1; i >= 0 && lines < count; i--) {
      this.drawn[i] ??= drawClosed(closed[i], i, paper)
      parts.push(this.drawn[i])
      lines += this.drawn[i].length
    }
    return parts.reverse().flat()
  }
}

function drawClosed(closed: ClosedBlock, index: number, paper: Paper): string[] {
  const lines = 'item' in closed ? itemLines(closed.block, closed.item, paper) : blockLines([closed.block], paper)
  return closed.hasGap && index > 0 ? ['', ...lines] : lines
}

/** The last lines of code that is being written: the bar is there from its first line on. */
function tailOfCode(
  { info, lines }: { info: string; lines: readonly string[] },
  text: string,
  count: number,
  paper: Paper,
): string[] {
  const last = text.slice(text.lastIndexOf('\n') + 1)
  const all = last === '' ? lines.slice(-count) : [...lines.slice(-count), last]
  return codeLines({ info: lines.length > count ? '' : info, lines: all }, paper)
}
