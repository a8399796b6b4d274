import { BlockParser } from './block-parser.js'
import type { Block, CodeBlock, List } from './blocks.js'

/** A block that no further text changes. A list is several of them: each item is one. */
export type ClosedBlock =
  | { block: Exclude<Block, List>; hasGap: boolean }
  | { block: List; item: number; hasGap: boolean }

/** A text cut into closed blocks and the rest. */
export interface ClosedBlocks {
  closed: readonly ClosedBlock[]
  /** The text of the open block, from the beginning of its first line on. */
  open: string
  /** Whether a blank line is before the open block. */
  hasGap: boolean
  /** The open block, if it is code: its lines, apart from the one that is being written. */
  code?: Pick<CodeBlock, 'info' | 'lines'>
}

/**
 * Splits a text into closed blocks and an open one. A text that grows has the same closed blocks at every length, and
 * more of them. The text has neither tabs nor control characters.
 */
export function closedBlocks(text: string): ClosedBlocks {
  return new GrowingText().update(text)
}

/** Follows a text that grows: reads each line once. */
export class GrowingText {
  private parser = new BlockParser()
  private closed: ClosedBlock[] = []
  private text = ''
  /** Offset of the line that is being written. */
  private lineAt = 0
  /** Number of blocks that are in `closed` with all their parts, and of the next one's items that are. */
  private blocks = 0
  private items = 0

  /** Takes the text so far; begins again if it does not continue the last one. */
  update(text: string): ClosedBlocks {
    // Faster than startsWith.
    if (text.slice(0, this.text.length) !== this.text) {
      this.parser = new BlockParser()
      this.closed = []
      this.lineAt = 0
      this.blocks = 0
      this.items = 0
      this.text = ''
    }
    const { parser } = this
    let end = text.indexOf('\n', Math.max(this.lineAt, this.text.length))
    for (; end >= 0; end = text.indexOf('\n', this.lineAt)) {
      parser.add(text.slice(this.lineAt, end), this.lineAt)
      this.lineAt = end + 1
    }
    this.text = text
    this.collect()
    const { at, hasGap } = this.openPart
    return { closed: this.closed, open: text.slice(at), hasGap, code: parser.openCode }
  }

  private collect(): void {
    const { blocks, isOpen } = this.parser
    for (; this.blocks < blocks.length; this.blocks++) {
      const isLast = isOpen && this.blocks === blocks.length - 1
      const block = blocks[this.blocks]
      if (block.kind === 'list') {
        const count = block.items.length - (isLast ? 1 : 0)
        for (; this.items < count; this.items++) {
          const { hasGap } = this.items === 0 ? block : block.items[this.items]
          this.closed.push({ block, item: this.items, hasGap })
        }
        if (isLast) return
        this.items = 0
      } else {
        if (isLast) return
        this.closed.push({ block, hasGap: block.hasGap })
      }
    }
  }

  /** Beginning of the open block, or of the line that is being written. */
  private get openPart(): { at: number; hasGap: boolean } {
    const { blocks, isOpen, isAfterBlank } = this.parser
    const last = blocks.at(-1)
    if (!isOpen || !last) return { at: this.lineAt, hasGap: isAfterBlank }
    if (last.kind !== 'list' || last.items.length === 1) return last
    return last.items[last.items.length - 1]
  }
}
