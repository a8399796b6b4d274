/** Place of a block in the text. */
interface Placed {
  /** Offset of its first line. */
  at: number
  /** Whether a blank line is before it. */
  hasGap: boolean
}

/** Text with inline Markdown, line by line, without blanks at the ends of lines. */
export interface Paragraph extends Placed {
  kind: 'paragraph'
  lines: string[]
}

export interface Heading extends Placed {
  kind: 'heading'
  /** 1 to 6. */
  level: number
  lines: string[]
}

export interface CodeBlock extends Placed {
  kind: 'code'
  /** Text after the fence, such as a language; empty for indented code. */
  info: string
  lines: string[]
}

/** HTML or mathematics, which are shown as written. */
export interface Literal extends Placed {
  kind: 'literal'
  lines: string[]
}

export interface Quote extends Placed {
  kind: 'quote'
  blocks: Block[]
}

export interface List extends Placed {
  kind: 'list'
  /** Bullet, or the sign after a number. */
  mark: string
  isOrdered: boolean
  items: ListItem[]
}

export interface ListItem extends Placed {
  /** The item's number, and the one in the text; absent if the list has bullets. */
  number?: number
  written?: number
  blocks: Block[]
}

export interface Table extends Placed {
  kind: 'table'
  alignments: Alignment[]
  header: string[]
  /** A row may have fewer cells than the header. */
  rows: string[][]
}

export type Alignment = 'left' | 'right' | 'centre'

export interface Rule extends Placed {
  kind: 'rule'
}

export type Block = Paragraph | Heading | CodeBlock | Literal | Quote | List | Table | Rule
