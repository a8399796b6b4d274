import { printableText } from '../printable.js'

const GRAPHEMES = new Intl.Segmenter()
/** Units of a text that are split at once: the time of a segmenter grows with the square of their number. */
const STRETCH = 256
/** Maximum units of a character with all its marks. */
const LONGEST = 4096
/** Units of the longest emoji that terminals join, and some more. */
const LONGEST_EMOJI = 20
const EMOJI = /\p{Emoji_Presentation}|\ufe0f/u
/** East Asian wide and full-width characters (UAX 11). */
const WIDE =
  /^[\u1100-\u115f\u2329\u232a\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{16fe0}-\u{18dff}\u{1aff0}-\u{1b2fb}\u{1f200}-\u{1f265}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u
/** Characters that are drawn over the one before, or not at all, and the later letters of Korean syllables. */
const UNSPACED = /^[\p{Mn}\p{Me}\p{Cf}\u1160-\u11ff\ud7b0-\ud7ff]/u
/** Texts, the most common ones, whose characters have one column each and never join. */
const PLAIN = /^[\x20-\x7e\xa1-\xac\xae-\xff…›]*$/

/** Texts whose units are all characters: those, and most in Greek, Cyrillic, Chinese, Japanese and Korean letters. */
const UNJOINED =
  /^[\x20-\x7e\xa1-\xac\xae-\u024f\u0370-\u0482\u048a-\u0523…›“”‘’–—•\u3000-\u3029\u3041-\u3096\u30a1-\u30fe\u4e00-\u9fff\uac00-\ud7a3\uff01-\uff60\ufffd]*$/

/** Whether each unit of a text is a character of one column. */
export function isPlain(text: string): boolean {
  return PLAIN.test(text)
}

/** Splits a text into what a reader sees as single characters. */
export function graphemes(text: string): string[] {
  if (UNJOINED.test(text)) return text.split('')
  const found: string[] = []
  let size = STRETCH
  for (let at = 0; at < text.length; ) {
    // Half of a pair would hide what joins the pair to the character before.
    const isPair = (text.codePointAt(at + size - 1) ?? 0) > 0xffff
    const end = at + size + (isPair ? 1 : 0)
    const segments = Array.from(GRAPHEMES.segment(text.slice(at, end)), ({ segment }) => segment)
    // The last one may continue after the stretch.
    const isCut = end < text.length && size < LONGEST
    if (isCut && segments.length === 1) {
      size *= 2
      continue
    }
    if (isCut) segments.pop()
    for (const segment of segments) {
      found.push(segment)
      at += segment.length
    }
    size = STRETCH
  }
  return found
}

/** Width of a text in columns of a terminal. The text must have no control characters. */
export function cellWidth(text: string): number {
  if (isPlain(text)) return text.length
  return graphemes(text).reduce((sum, grapheme) => sum + graphemeWidth(grapheme), 0)
}

/** Width of what a reader sees as a single character. Terminals give each letter of a joined script its own columns. */
export function graphemeWidth(grapheme: string): number {
  if (grapheme.length <= LONGEST_EMOJI && EMOJI.test(grapheme)) return 2
  let width = 0
  for (const character of grapheme) width += WIDE.test(character) ? 2 : UNSPACED.test(character) ? 0 : 1
  return Math.max(1, width)
}

/** Width of the widest of some lines; 0 without lines. There may be more lines than a call takes arguments. */
export function widestOf(lines: readonly string[]): number {
  return lines.reduce((widest, line) => Math.max(widest, cellWidth(line)), 0)
}

/** Shortens a text to at most `width` columns; an ellipsis replaces the rest. */
export function fit(text: string, width: number): string {
  if (cellWidth(text) <= width) return text
  let kept = ''
  let used = 0
  for (const grapheme of graphemes(text)) {
    used += graphemeWidth(grapheme)
    if (used > width - 1) break
    kept += grapheme
  }
  return width > 0 ? `${kept}…` : ''
}

/** Shortens a text to at most `width` columns; an ellipsis replaces its beginning, as of a long path. */
export function fitEnd(text: string, width: number): string {
  if (cellWidth(text) <= width) return text
  let kept = ''
  for (const grapheme of graphemes(text).reverse()) {
    if (cellWidth(grapheme + kept) > width - 1) break
    kept = grapheme + kept
  }
  return `…${kept}`
}

/** Makes a text safe to print: tabs become two blanks, other control characters a sign. */
export function harmless(text: string): string {
  return printableText(text.replace(/\r\n?/g, '\n').replace(/\t/g, '  '))
}
