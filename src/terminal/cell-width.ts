import { printableText } from '../printable.js'

const GRAPHEMES = new Intl.Segmenter()
const WIDE =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}|\ufe0f/u
/** Texts, the most common ones, whose characters have one column each and never join. */
const PLAIN = /^[\x20-\x7e\xa1-\xac\xae-\xff…›]*$/

/** Whether each unit of a text is a character of one column. */
export function isPlain(text: string): boolean {
  return PLAIN.test(text)
}

/** Splits a text into what a reader sees as single characters. */
export function graphemes(text: string): string[] {
  return isPlain(text) ? text.split('') : Array.from(GRAPHEMES.segment(text), ({ segment }) => segment)
}

/** Width of a text in columns of a terminal. The text must have no control characters. */
export function cellWidth(text: string): number {
  if (isPlain(text)) return text.length
  return graphemes(text).reduce((sum, grapheme) => sum + (WIDE.test(grapheme) ? 2 : 1), 0)
}

/** Shortens a text to at most `width` columns; an ellipsis replaces the rest. */
export function fit(text: string, width: number): string {
  if (cellWidth(text) <= width) return text
  let kept = ''
  let used = 0
  for (const grapheme of graphemes(text)) {
    used += cellWidth(grapheme)
    if (used > width - 1) break
    kept += grapheme
  }
  return width > 0 ? `${kept}…` : ''
}

/** Makes a text safe to print: tabs become two blanks, other control characters a sign. */
export function harmless(text: string): string {
  return printableText(text.replace(/\r\n?/g, '\n').replace(/\t/g, '  '))
}
