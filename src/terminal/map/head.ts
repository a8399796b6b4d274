import { cellWidth, fit } from '../../ground/output/cell-width.js'
import type { ColourDepth } from '../../ground/output/colours.js'
import { inverse, styled } from '../../ground/output/style.js'
import { awakeIn, awakeSentence } from '../../lab/experts/usage/awake.js'
import type { ExpertUsage } from '../../lab/experts/usage/usage.js'
import { visibleToken } from '../../lab/pictures/blocks/labels.js'
import type { CellPainter } from './cell-painter.js'
import type { TokenMap } from './token-map.js'

/** How to draw a map. */
export interface MapOptions {
  /** Whether to show the experts that the tokens just before chose, too. */
  fades?: boolean
  /** Whether more tokens will come. */
  isStreaming?: boolean
  /** Hints at the keys that change the map, from the longest to the shortest. */
  keys?: readonly string[]
}

/** Lines above and below the lanes, besides the title. */
export interface Labels {
  /** Lines for the names of the kinds and the numbers of the experts: one for both, or two. */
  heads: 0 | 1 | 2
  legend: boolean
  /** Whether the sentence on all experts has a separate line. */
  caption: boolean
}

/** Lines that a map without folds has besides its lanes: caption, title, two heads and the legend. */
export const ALL_LABELS = 5

/** Labels that a map of this height has before its lanes take what is left. */
export function leastLabels(height: number): Labels {
  return { heads: height >= 5 ? 1 : 0, legend: height >= 6, caption: false }
}

/** Labels of a map of this height: the lines that its lanes leave are for the caption, then for a second head. */
export function labelsFor(height: number, lanes: number): Labels {
  const least = leastLabels(height)
  const free = least.legend ? height - lanes - labelsHeight(least) : 0
  return { ...least, caption: free > 0, ...(free > 1 && { heads: 2 }) }
}

export function labelsHeight({ heads, legend, caption }: Labels): number {
  return 1 + heads + Number(legend) + Number(caption)
}

/** Describes the map's content. */
export function titleOf(map: TokenMap, isStreaming = false): string {
  const { mode, shown, selected, shownIndex, usage } = map
  if (mode === 'usage') return `share of the answers' ${usage.tokens} tokens that chose each expert`
  if (mode === 'layer') return 'a row per token'
  if (!shown) return 'a row is a layer, a cell an expert, lit when a token chooses it'
  const text = `"${visibleToken(shown.text)}"`
  if (selected === undefined) return `experts of the ${isStreaming ? 'newest' : 'last'} token ${text}`
  return `experts of token ${shownIndex + 1} of ${map.tokens.length} ${text}${shown.isQuestion ? ' (read)' : ''}`
}

/** The sentence on the experts of all answers, as long as fits `width`; empty if none does, and before the first token. */
export function captionOf(usage: ExpertUsage, width: number): string {
  const { experts, woke, committee } = awakeIn(usage)
  const [some, all, half] = [woke, experts, committee].map((count) => count.toLocaleString('en-US'))
  if (woke === 0) return ''
  const forms = [
    `all answers: ${awakeSentence(usage)}`,
    `all answers: ${some} of ${all} experts woke; ${half} did half of the work`,
    `all answers: ${some} of ${all} woke; ${half} did half of the work`,
    `all answers: ${some} of ${all} woke; ${half} did half`,
    `all answers: ${some} of ${all} woke`,
    `in all: ${some} of ${all} woke`,
  ]
  return forms.find((form) => cellWidth(form) <= width) ?? ''
}

export function captionLine(map: TokenMap, width: number, painter: CellPainter): string {
  return styled(captionOf(map.usage, width), 'bold', painter.depth)
}

/** Parts of a title besides its text, each only if there is room. */
export interface TitleEnd {
  /** Hints at keys, longest first. */
  keys?: readonly string[]
  /** Whose caption to add; absent if the caption has a separate line. */
  caption?: TokenMap
}

/** The title and its notes, then the hint at keys, dim, and between them the caption. */
export function titleLine(parts: readonly string[], end: TitleEnd, width: number, painter: CellPainter): string {
  const text = fit(parts.join(SEPARATOR), width)
  const room = width - cellWidth(text)
  const hint = longest(end.keys ?? [], room)
  const sentence = end.caption ? captionOf(end.caption.usage, room - cellWidth(hint) - SEPARATOR.length) : ''
  return text + (sentence === '' ? '' : SEPARATOR + sentence) + styled(hint, 'dim', painter.depth)
}

const SEPARATOR = ' · '

/** The longest text that fits, with a separator in front of it; empty if none fits. */
export function longest(texts: readonly string[], width: number, separator = SEPARATOR): string {
  const found = texts.find((text) => cellWidth(separator + text) <= width)
  return found === undefined ? '' : separator + found
}

/**
 * A dim line of numbers, with the number at `column` in reverse video. It takes the place of numbers that it touches, and
 * moves left if it would not fit.
 */
export function withNumber(
  line: string,
  number: number | undefined,
  column: number | undefined,
  width: number,
  depth: ColourDepth,
): string {
  if (number === undefined || column === undefined) return styled(line, 'dim', depth)
  const text = String(number)
  const from = Math.max(0, Math.min(column, width - text.length))
  const to = from + text.length
  const signs = [...line.padEnd(to)]
  // A name in the line may touch the number, but not lose its end to it.
  const touching = signs.slice(from, to).some((sign) => /[a-z]/.test(sign)) ? /\S/ : /[-\d]/
  for (let at = to; touching.test(signs[at] ?? ''); at++) signs[at] = ' '
  for (let at = from - 1; touching.test(signs[at] ?? ''); at--) signs[at] = ' '
  const [before, after] = [signs.slice(0, from).join(''), signs.slice(to).join('').trimEnd()]
  return `${styled(before, 'dim', depth)}${inverse(text)}${after === '' ? '' : styled(after, 'dim', depth)}`
}
