import type { Block, CodeBlock, List, ListItem, Literal, Paragraph, Quote, Table } from './blocks.js'
import {
  closesFence,
  fenceOf,
  headingOf,
  indentOf,
  isRule,
  type LiteralEnd,
  literalEnd,
  type Marker,
  markerOf,
  underlineLevel,
} from './line-syntax.js'
import { alignmentsOf, cellsOf, rowOf } from './table-syntax.js'

/** Maximum quotes and list items within each other; deeper ones stay text. */
const MOST_NESTED = 24
/** Blanks in front of indented code. */
const CODE_INDENT = 4

/** A block that other blocks are in. */
interface Container {
  blocks: Block[]
  /** The list that it is an item of, with the columns in front of its marker and of its text; absent for a quote. */
  item?: { list: List; indent: number; offset: number }
}

/** A block whose lines are being read. */
type Leaf =
  | { block: Paragraph | Table }
  | { block: CodeBlock; fence?: { sign: string; indent: number }; blanks: string[] }
  | { block: Literal; end: LiteralEnd }

/** The text above a line. */
interface Above {
  /** The paragraph that the line can end, underline or turn into a table. */
  inParagraph?: Paragraph
  /** Whether the line may continue a paragraph, be it one whose containers it does not repeat. */
  isAfterText: boolean
}

/**
 * Reads the blocks of a Markdown text line by line, in time that is linear in the text. CommonMark and GFM's tables,
 * without definitions of links: those are text, so that no later line changes an earlier block.
 */
export class BlockParser {
  readonly blocks: Block[] = []
  /** Whether the newest line is blank and not part of a block. */
  isAfterBlank = false
  /** The containers of the newest line, the text itself first. */
  private readonly open: Container[] = [{ blocks: this.blocks }]
  private leaf?: Leaf
  /** Offsets of the newest line and the one before it. */
  private at = 0
  private before = 0

  /** Whether the next line may still change the last block. */
  get isOpen(): boolean {
    return this.leaf !== undefined || this.open.length > 1 || this.blocks.at(-1)?.kind === 'list'
  }

  /** The code block that is being read, if it is not in another block. */
  get openCode(): CodeBlock | undefined {
    const { leaf } = this
    return this.open.length === 1 && leaf && 'fence' in leaf && leaf.fence ? leaf.block : undefined
  }

  private get here(): { at: number; hasGap: boolean } {
    return { at: this.at, hasGap: this.isAfterBlank }
  }

  /** Takes the line at offset `at`, without its line end. */
  add(line: string, at: number): void {
    this.before = this.at
    this.at = at
    let rest = line
    let matched = 1
    for (; matched < this.open.length; matched++) {
      const inner = this.within(this.open[matched], rest)
      if (inner === undefined) break
      rest = inner
    }
    const isWhole = matched === this.open.length
    if (isWhole && this.continueLeaf(rest)) return
    this.begin(rest, matched, isWhole)
  }

  /** The part of a line within a container; undefined if the line is outside of it. */
  private within({ blocks, item }: Container, line: string): string | undefined {
    const indent = indentOf(line)
    if (!item) return indent < CODE_INDENT && line[indent] === '>' ? afterQuoteMark(line, indent) : undefined
    // An item that begins with two blank lines is empty.
    if (indent === line.length) return blocks.length === 0 ? undefined : ''
    if (indent >= item.offset) return line.slice(item.offset)
    // Models indent a list in a numbered item by two columns, too, and the rest of the item with it.
    const isLenient = item.list.isOrdered && blocks.length > 0 && this.leaf?.block.kind !== 'code'
    const marker = isLenient && indent >= item.indent + 2 ? markerOf(line.slice(indent)) : undefined
    if (!marker || marker.isEmpty || marker.mark === item.list.mark) return undefined
    item.offset = indent
    return line.slice(indent)
  }

  /** Adds a line to code or a literal block, or ends it. False if the line belongs to neither. */
  private continueLeaf(line: string): boolean {
    const { leaf } = this
    if (!leaf) return false
    const indent = indentOf(line)
    const isBlank = indent === line.length
    if ('end' in leaf) {
      if (isBlank && leaf.end.isBlank) return false
      this.addLiteral(leaf, line)
      return true
    }
    if (!('blanks' in leaf)) return false
    const { block, fence, blanks } = leaf
    if (fence) {
      if (closesFence(line, fence.sign)) this.leaf = undefined
      else block.lines.push(line.slice(Math.min(indent, fence.indent)))
      return true
    }
    if (!isBlank && indent < CODE_INDENT) return false
    // Blank lines at the end are not code.
    this.isAfterBlank = isBlank
    if (isBlank) blanks.push(line.slice(CODE_INDENT))
    else {
      for (const blank of blanks.splice(0)) block.lines.push(blank)
      block.lines.push(line.slice(CODE_INDENT))
    }
    return true
  }

  /** Begins the blocks that a line begins within the `matched` containers, or adds the line to a paragraph or table. */
  private begin(line: string, matched: number, isWhole: boolean): void {
    let rest = line
    let depth = matched
    let hasBegun = false
    const paragraph = this.leaf?.block.kind === 'paragraph' ? this.leaf.block : undefined
    for (;;) {
      const indent = indentOf(rest)
      const text = rest.slice(indent)
      if (text === '') return this.blank(depth, hasBegun)
      const continued = hasBegun ? undefined : paragraph
      if (indent >= CODE_INDENT) {
        if (continued) break
        return this.addCode(depth, '', [rest.slice(CODE_INDENT)])
      }
      const inParagraph = isWhole ? continued : undefined
      const isNested = depth <= MOST_NESTED
      const marker = isNested && !isRule(text) ? markerOf(text) : undefined
      if (isNested && text[0] === '>') {
        this.openQuote(depth)
        rest = afterQuoteMark(rest, indent)
      } else if (this.addLeaf(text, indent, depth, { inParagraph, isAfterText: continued !== undefined })) return
      else if (marker && !(inParagraph && (marker.isEmpty || (marker.number ?? 1) !== 1))) {
        this.openItem(marker, indent, depth)
        rest = text.slice(marker.width)
      } else break
      depth++
      hasBegun = true
    }
    const isLazy = !isWhole && !hasBegun && paragraph !== undefined
    if (!isLazy && (depth < this.open.length || this.leaf?.block.kind === 'code')) this.close(depth)
    this.addText(rest)
    this.isAfterBlank = false
  }

  private blank(depth: number, hasBegun: boolean): void {
    if (!hasBegun) this.close(depth)
    this.isAfterBlank = !hasBegun
  }

  /** Adds the heading, code, literal, table or rule that a line begins. False if it begins none. */
  private addLeaf(text: string, indent: number, depth: number, { inParagraph, isAfterText }: Above): boolean {
    const heading = headingOf(text)
    if (heading) {
      this.place(depth, { kind: 'heading', level: heading.level, lines: [heading.title], ...this.here })
      return true
    }
    const fence = fenceOf(text)
    if (fence) {
      this.addCode(depth, fence.info, [], { sign: fence.sign, indent })
      return true
    }
    const end = literalEnd(text, isAfterText)
    if (end !== undefined) {
      const block = this.place<Literal>(depth, { kind: 'literal', lines: [], ...this.here })
      const leaf = { block, end }
      this.leaf = leaf
      this.addLiteral(leaf, text)
      return true
    }
    const level = inParagraph && underlineLevel(text)
    if (level) {
      const { lines, at, hasGap } = inParagraph
      this.replaceLast({ kind: 'heading', level, lines, at, hasGap })
      this.leaf = undefined
      return true
    }
    if (inParagraph && this.beginsTable(text, inParagraph)) return true
    if (!isRule(text)) return false
    this.place(depth, { kind: 'rule', ...this.here })
    return true
  }

  /** The last line of a paragraph becomes the header of a table. */
  private beginsTable(text: string, paragraph: Paragraph): boolean {
    const alignments = alignmentsOf(text)
    const header = alignments && cellsOf(paragraph.lines[paragraph.lines.length - 1])
    if (!alignments || header?.length !== alignments.length) return false
    paragraph.lines.pop()
    const isAlone = paragraph.lines.length === 0
    const { at, hasGap } = isAlone ? paragraph : { at: this.before, hasGap: false }
    const block: Table = { kind: 'table', alignments, header, rows: [], at, hasGap }
    if (isAlone) this.replaceLast(block)
    else this.open[this.open.length - 1].blocks.push(block)
    this.leaf = { block }
    return true
  }

  /** Adds a line of text to the open paragraph or table, or begins a paragraph. */
  private addText(line: string): void {
    const text = line.trim()
    const block = this.leaf?.block
    if (block?.kind === 'paragraph') block.lines.push(text)
    else if (block?.kind === 'table') block.rows.push(rowOf(text, block.header.length))
    else
      this.leaf = { block: this.place<Paragraph>(this.open.length, { kind: 'paragraph', lines: [text], ...this.here }) }
  }

  private addCode(depth: number, info: string, lines: string[], fence?: { sign: string; indent: number }): void {
    const block = this.place<CodeBlock>(depth, { kind: 'code', info, lines, ...this.here })
    this.leaf = { block, fence, blanks: [] }
  }

  private addLiteral({ block, end }: { block: Literal; end: LiteralEnd }, line: string): void {
    // The sign that begins mathematics does not end it.
    const from = block.lines.length === 0 ? 2 : 0
    block.lines.push(line.trimEnd())
    if (end.sign !== undefined && line.toLowerCase().includes(end.sign, from)) this.leaf = undefined
  }

  private openQuote(depth: number): void {
    this.open.push(this.place<Quote>(depth, { kind: 'quote', blocks: [], ...this.here }))
  }

  private openItem({ mark, number, width }: Marker, indent: number, depth: number): void {
    this.close(depth)
    const { blocks } = this.open[depth - 1]
    const last = blocks.at(-1)
    const hasList = last?.kind === 'list' && last.mark === mark
    const list = hasList
      ? last
      : this.place<List>(depth, { kind: 'list', mark, isOrdered: number !== undefined, items: [], ...this.here })
    const item: ListItem = { blocks: [], written: number, number: numberAfter(list.items.at(-1), number), ...this.here }
    list.items.push(item)
    this.open.push({ blocks: item.blocks, item: { list, indent, offset: indent + width } })
  }

  /** Closes all but `depth` containers, and adds a block to the innermost of them. */
  private place<B extends Block>(depth: number, block: B): B {
    this.close(depth)
    this.open[depth - 1].blocks.push(block)
    this.isAfterBlank = false
    return block
  }

  private replaceLast(block: Block): void {
    const { blocks } = this.open[this.open.length - 1]
    blocks[blocks.length - 1] = block
  }

  private close(depth: number): void {
    this.open.length = depth
    this.leaf = undefined
  }
}

/** The number of an item: the written one, unless the item before has the same. */
function numberAfter(before: ListItem | undefined, written: number | undefined): number | undefined {
  return before?.number !== undefined && before.written === written ? before.number + 1 : written
}

/** The rest of a line after the sign of a quote and one blank. */
function afterQuoteMark(line: string, indent: number): string {
  return line.slice(indent + (line[indent + 1] === ' ' ? 2 : 1))
}
