import { type ColourDepth, paint } from '../../terminal/colours.js'
import { styled } from '../../terminal/style.js'
import { wrap } from '../../terminal/wrap.js'
import type { ChatItem } from '../conversation/items.js'
import { tableLines } from './help-table.js'

/** Errors stand out on dark and light backgrounds. */
const RED = [205, 75, 75] as const

/**
 * The finished part of the conversation as lines of one width. From the top on they are handed over to the terminal, whose
 * scrollback they become; the last ones may be held back, where they stand beside the map.
 */
export class Transcript {
  private lines: string[] = []
  private width = 0
  /** Where each item begins among the lines. */
  private starts: number[] = []
  /** Lines that have been handed over. */
  private printed = 0

  constructor(private readonly depth: ColourDepth) {}

  /** Takes what has been said since; all of it once more where the width is another, which is then to be drawn anew. */
  update(items: readonly ChatItem[], width: number): { isRewrapped: boolean } {
    const isRewrapped = this.width !== 0 && width !== this.width
    this.width = width
    if (!isRewrapped) {
      this.add(items)
      return { isRewrapped }
    }
    // The first item that is not handed over whole.
    const next = this.starts.findIndex((_, item) => (this.starts[item + 1] ?? this.lines.length) > this.printed)
    this.lines = []
    this.starts = []
    this.add(items)
    this.printed = next < 0 ? this.lines.length : this.starts[next]
    return { isRewrapped }
  }

  private add(items: readonly ChatItem[]): void {
    for (const item of items.slice(this.starts.length)) {
      this.starts.push(this.lines.length)
      this.lines.push(...linesOf(item, this.width, this.depth))
      // Its result follows.
      if (item.kind !== 'command') this.lines.push('')
    }
  }

  /** Lines to hand over now, so that at most `kept` are held back. */
  takeAllBut(kept: number): string[] {
    const from = this.printed
    this.printed = Math.max(from, this.lines.length - kept)
    return this.lines.slice(from, this.printed)
  }

  /** Hands over all but `kept` lines, and before them as many again as make up `rows`, for a screen that is drawn anew. */
  takeAgain(kept: number, rows: number): string[] {
    const from = this.printed
    this.printed = Math.max(0, this.lines.length - kept)
    return this.lines.slice(Math.max(0, Math.min(from, this.printed - rows)), this.printed)
  }

  /** The last lines, as many as are to be held back. */
  last(kept: number): string[] {
    return kept > 0 ? this.lines.slice(-kept) : []
  }

  /** Lines that are held back. */
  get held(): string[] {
    return this.lines.slice(this.printed)
  }
}

function linesOf({ kind, text, rows = [] }: ChatItem, width: number, depth: ColourDepth): string[] {
  switch (kind) {
    case 'user':
    case 'command':
      return wrap(text, width - 2).map((line, i) => {
        return styled(`${i === 0 ? '› ' : '  '}${line}`, kind === 'user' ? 'bold' : 'dim', depth)
      })
    case 'answer':
      return wrap(text, width)
    case 'note':
      return [...tableLines(rows, width), ...wrap(text, width)].map((line) => styled(line, 'dim', depth))
    case 'error':
      return wrap(`! ${text}`, width).map((line) => paint(line, RED, depth))
  }
}
