/*
 * Recognises the lines that begin or end blocks (CommonMark 0.31.2, chapters 4 and 5). A line has neither tabs nor its
 * line end, and `text` is a line without its indentation. All patterns take linear time.
 */

/** Number of blanks at the beginning of a line. */
export function indentOf(line: string): number {
  let indent = 0
  while (line.charCodeAt(indent) === 32) indent++
  return indent
}

/** Reads `## Title ##`. */
export function headingOf(text: string): { level: number; title: string } | undefined {
  const [, signs, rest] = /^(#{1,6})(?: +(.*)|$)/s.exec(text) ?? []
  if (signs === undefined) return undefined
  const title = (rest ?? '').trimEnd()
  let end = title.length
  while (title[end - 1] === '#') end--
  const isClosed = end === 0 || (end < title.length && title[end - 1] === ' ')
  return { level: signs.length, title: isClosed ? title.slice(0, end).trimEnd() : title }
}

/** Level of the heading that a line of `=` or `-` makes of the paragraph above it. */
export function underlineLevel(text: string): 1 | 2 | undefined {
  if (/^=+ *$/.test(text)) return 1
  return /^-+ *$/.test(text) ? 2 : undefined
}

/** Whether a text is a rule, such as `---` or `* * *`. */
export function isRule(text: string): boolean {
  if (!/^[-_*]/.test(text)) return false
  const signs = text.replaceAll(' ', '')
  return signs.length >= 3 && signs === text[0].repeat(signs.length)
}

/** The beginning of a fenced code block. */
export interface Fence {
  sign: string
  /** Text after the signs. */
  info: string
}

export function fenceOf(text: string): Fence | undefined {
  const [, sign, info] = /^(`{3,}(?=[^`]*$)|~{3,})(.*)$/s.exec(text) ?? []
  return sign === undefined ? undefined : { sign, info: info.trim() }
}

/** Whether a line ends a code block that `sign` has begun. */
export function closesFence(line: string, sign: string): boolean {
  const indent = indentOf(line)
  const text = line.slice(indent).trimEnd()
  return indent < 4 && text.length >= sign.length && text === sign[0].repeat(text.length)
}

/** The beginning of a list item. */
export interface Marker {
  /** Bullet, or the sign after the number. */
  mark: string
  number?: number
  /** Columns from the marker to the item's text. */
  width: number
  /** Whether the item's first line is blank. */
  isEmpty: boolean
}

export function markerOf(text: string): Marker | undefined {
  const [sign, digits, closer] = /^(?:(\d{1,9})([.)])|[-+*])(?= |$)/.exec(text) ?? []
  if (sign === undefined) return undefined
  const blanks = indentOf(text.slice(sign.length))
  const isEmpty = sign.length + blanks === text.length
  // More than four blanks begin indented code.
  const width = sign.length + (isEmpty || blanks > 4 ? 1 : blanks)
  return { mark: closer ?? sign, ...(digits !== undefined && { number: Number(digits) }), width, isEmpty }
}

/** The end of a literal block: the line that contains a sign, or a blank line. */
export interface LiteralEnd {
  sign?: string
  isBlank?: true
}

const BLOCK_TAGS =
  /^<\/?(?:address|article|aside|base|basefont|blockquote|body|caption|center|col|colgroup|dd|details|dialog|dir|div|dl|dt|fieldset|figcaption|figure|footer|form|frame|frameset|h[1-6]|head|header|hr|html|iframe|legend|li|link|main|menu|menuitem|nav|noframes|ol|optgroup|option|p|param|search|section|summary|table|tbody|td|tfoot|th|thead|title|tr|track|ul)(?:[ >]|\/>|$)/i
const LONE_TAG = /^<\/?[a-z][a-z0-9-]*(?: [^<>]*)?\/?> *$/i

/** The end of the HTML or the mathematics that a line begins; undefined if it begins neither. */
export function literalEnd(text: string, isInParagraph: boolean): LiteralEnd | undefined {
  for (const [begin, sign] of MATHS) {
    if (text.startsWith(begin)) {
      const end = text.indexOf(sign, begin.length)
      // Mathematics with text behind it is part of a paragraph.
      return end < 0 || end + sign.length === text.trimEnd().length ? { sign, isBlank: true } : undefined
    }
  }
  if (text[0] !== '<') return undefined
  const [, raw] = /^<(script|pre|style|textarea)(?:[ >]|$)/i.exec(text) ?? []
  if (raw !== undefined) return { sign: `</${raw.toLowerCase()}>` }
  if (text.startsWith('<!--')) return { sign: '-->' }
  if (text.startsWith('<?')) return { sign: '?>' }
  if (text.startsWith('<![CDATA[')) return { sign: ']]>' }
  if (/^<![a-z]/i.test(text)) return { sign: '>' }
  return BLOCK_TAGS.test(text) || (!isInParagraph && LONE_TAG.test(text)) ? { isBlank: true } : undefined
}

const MATHS = [
  ['$$', '$$'],
  ['\\[', '\\]'],
] as const
