import { fit, widestOf } from '../../ground/output/cell-width.js'
import { type ColourDepth, highlight, paint } from '../../ground/output/colours.js'
import { styled } from '../../ground/output/style.js'
import { wrap } from '../../ground/output/wrap.js'
import type { Background } from '../../insight/pictures/blocks/ramps.js'
import type { ChatItem, HelpRow, ItemSpan } from '../conversation/state/items.js'
import { drawMarkdown } from '../markdown/draw-blocks.js'
import { wrapParts } from '../markdown/run-lines.js'
import { RunningMarkdown } from '../markdown/running-markdown.js'

export const THOUGHT_MARK = '│ '
/** Items that the next one follows without a blank line. */
export const JOINED: ReadonlySet<ChatItem['kind']> = new Set(['command', 'thought', 'call', 'result'])

/** Colour of errors, legible on dark and light backgrounds. */
const RED = [205, 75, 75] as const

interface Look {
  width: number
  background: Background
  drawsMarkdown: boolean
}

/** Finished lines, handed over to the scrollback from the top down; the last ones may stay beside the map. */
export class Transcript {
  readonly running = new RunningMarkdown()
  private lines: string[] = []
  private look?: Look
  private starts: number[] = []
  /** Number of lines that have been handed over. */
  private printed = 0

  constructor(private readonly depth: ColourDepth) {}

  /** Adds items. Another width or drawing of Markdown draws all again and gives true: the screen must be repainted. */
  update(items: readonly ChatItem[], look: Look): boolean {
    const { look: before } = this
    const isRewrapped = before?.width !== look.width || before.drawsMarkdown !== look.drawsMarkdown
    this.look = look
    if (!before || !isRewrapped) {
      this.add(items, look)
      return false
    }
    // The first item that is not completely handed over.
    const next = this.starts.findIndex((_, item) => (this.starts[item + 1] ?? this.lines.length) > this.printed)
    this.lines = []
    this.starts = []
    this.add(items, look)
    this.printed = next < 0 ? this.lines.length : this.starts[next]
    return true
  }

  private add(items: readonly ChatItem[], look: Look): void {
    for (const item of items.slice(this.starts.length)) {
      this.starts.push(this.lines.length)
      for (const line of linesOf(item, look, this.depth)) this.lines.push(line)
      if (!JOINED.has(item.kind)) this.lines.push('')
    }
  }

  /** Hands over all new lines but the last `kept`; for a repainted screen, lines may be held back again. */
  takeAllBut(kept: number, isAgain: boolean): string[] {
    const from = this.printed
    this.printed = Math.max(isAgain ? 0 : from, this.lines.length - kept)
    return this.lines.slice(from, this.printed)
  }

  /** The last lines that have been handed over. */
  taken(count: number): string[] {
    return this.lines.slice(Math.max(0, this.printed - count), this.printed)
  }

  get held(): string[] {
    return this.lines.slice(this.printed)
  }
}

function linesOf(item: ChatItem, look: Look, depth: ColourDepth): string[] {
  const { kind, text, rows = [], footer } = item
  const { width } = look
  switch (kind) {
    case 'user':
    case 'command':
      return wrap(text, width - 2).map((line, i) => {
        return styled(`${i === 0 ? '› ' : '  '}${line}`, kind === 'user' ? 'bold' : 'dim', depth)
      })
    case 'thought':
      return [styled(fit(text, width), 'dim', depth)]
    case 'thoughts':
      return wrap(text, width - THOUGHT_MARK.length).map((line) => styled(`${THOUGHT_MARK}${line}`, 'dim', depth))
    case 'call':
      return wrap(text, width).map((line) => styled(line, 'bold', depth))
    case 'result':
      return [styled(fit(`→ ${text}`, width), 'dim', depth)]
    case 'answer': {
      const below = footer === undefined ? [] : wrap(footer, width).map((line) => styled(line, 'dim', depth))
      return [...answerLines(item, look, depth), ...below]
    }
    case 'note':
      return [...helpLines(rows, width), ...wrap(text, width)].map((line) => styled(line, 'dim', depth))
    case 'error':
      return wrap(`! ${text}`, width).map((line) => paint(line, RED, depth))
  }
}

/** Colours of experts and other spans show the text as written. */
function answerLines({ text, spans, isLiteral }: ChatItem, look: Look, depth: ColourDepth): string[] {
  const { width, background, drawsMarkdown } = look
  if (spans) return spanLines(spans, width, depth)
  return drawsMarkdown && !isLiteral ? drawMarkdown(text, { width, depth, background }) : wrap(text, width)
}

const TERM_GAP = 2
const COLUMN_GAP = 3

/** Rows of terms and meanings as lines of at most `width` columns; side by side in two columns if both fit. */
export function helpLines(rows: readonly HelpRow[], width: number): string[] {
  const half = Math.ceil(rows.length / 2)
  const [left, right] = [column(rows.slice(0, half)), column(rows.slice(half))]
  const leftWidth = widestOf(left)
  if (leftWidth + COLUMN_GAP + widestOf(right) > width) return column(rows).map((line) => fit(line, width))
  return left.map((line, i) => `${line.padEnd(leftWidth + COLUMN_GAP)}${right[i] ?? ''}`.trimEnd())
}

function column(rows: readonly HelpRow[]): string[] {
  const width = widestOf(rows.map(([term]) => term)) + TERM_GAP
  return rows.map(([term, meaning]) => term.padEnd(width) + meaning)
}

/** Wraps a text whose parts have looks of their own. Without colours, words that differ are in brackets. */
export function spanLines(spans: readonly ItemSpan[], width: number, depth: ColourDepth): string[] {
  const shown = depth === 'none' ? spans.map(withSigns) : spans
  return wrapParts(shown, width, (text, span) => drawSpan(text, span, depth))
}

/** A part whose words differ, with signs in place of a style, for terminals without any. */
export function withSigns(span: ItemSpan): ItemSpan {
  if (!span.differs) return span
  const [, before, words, after] = /^(\s*)([\s\S]*?)(\s*)$/.exec(span.text) ?? []
  return { ...span, text: `${before}[${words}]${after}` }
}

function drawSpan(text: string, { isDim, differs, highlight: colours }: ItemSpan, depth: ColourDepth): string {
  if (colours) return highlight(text, colours.behind, colours.ink, depth)
  if (differs) return styled(text, 'marked', depth)
  return isDim ? styled(text, 'dim', depth) : text
}
