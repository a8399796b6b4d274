import { cellWidth, fit } from '../../ground/output/cell-width.js'
import { styled } from '../../ground/output/style.js'
import { visibleToken } from '../../insight/pictures/blocks/labels.js'
import { awakeIn, awakeSentence } from '../../insight/usage/awake.js'
import type { ExpertUsage } from '../../insight/usage/usage.js'
import type { MixtureKind } from '../../model/config/config.js'
import type { CellPainter } from './cell-painter.js'
import { type Fold, foldNote } from './fold.js'
import { type LegendOptions, legendOf, longest } from './legend.js'
import type { TokenMap } from './token-map.js'

export interface MapOptions {
  /** Whether to show the experts that the tokens just before chose, too. */
  fades: boolean
  isStreaming: boolean
  /** Hints at the keys that change the map, from the longest to the shortest. */
  keys: readonly string[]
}

/** Lines above and below the lanes, besides the title. */
export interface Labels {
  /** Lines for the names of the kinds and the numbers of the experts: one for both, or two. */
  heads: 0 | 1 | 2
  legend: boolean
  /** Whether the sentence on all experts has a separate line. */
  caption: boolean
  /** Number of all these lines, with the title. */
  lines: number
}

/** Lines that a map without folds has besides its lanes: caption, title, two heads and the legend. */
export const ALL_LABELS = 5

/** Labels that a map of this height has before its lanes take what is left. */
export function leastLabels(height: number): Labels {
  const [heads, legend] = [height >= 5 ? 1 : 0, height >= 6] as const
  return { heads, legend, caption: false, lines: 1 + heads + Number(legend) }
}

/** Labels of a map of this height: the lines that its lanes leave are for the caption, then for a second head. */
export function labelsFor(height: number, lanes: number): Labels {
  const least = leastLabels(height)
  const free = least.legend ? Math.max(0, height - lanes - least.lines) : 0
  const lines = least.lines + Math.min(2, free)
  return { ...least, ...(free > 1 && { heads: 2 }), caption: free > 0, lines }
}

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

const SEPARATOR = ' · '

export interface FrameTexts extends Pick<LegendOptions, 'fades' | 'marks' | 'keys'> {
  kinds: readonly MixtureKind[]
  fold: Fold
  title: readonly string[]
}

/** The caption and the title above a map, and the legend below it, with as many notes and hints as fit. */
export function frameAround(
  map: TokenMap,
  painter: CellPainter,
  width: number,
  labels: Labels,
  { kinds, fold, title, keys, ...marks }: FrameTexts,
): { above: string[]; below: string[] } {
  const note = foldNote(kinds, fold)
  const notes = labels.heads > 0 && map.hasNewcomers ? [...note, '+ newcomer'] : note
  // The title has room for the keys if the caption has its own line; during a walk they matter more than the caption.
  const isTitleFirst = labels.caption || map.selected !== undefined || !labels.legend
  const legend = legendOf(map, painter, width, { ...marks, form: fold, notes, keys: isTitleFirst ? [] : keys })
  const parts = [...title, ...(labels.legend && legend.hasNote ? [] : note)]
  const text = fit(parts.join(SEPARATOR), width)
  const room = width - cellWidth(text)
  const hint = legend.hasKeys ? '' : longest(keys, room, SEPARATOR)
  const caption = labels.caption ? '' : captionOf(map.usage, room - cellWidth(hint) - SEPARATOR.length)
  const whole = text + (caption === '' ? '' : SEPARATOR + caption) + styled(hint, 'dim', painter.depth)
  const above = labels.caption ? [styled(captionOf(map.usage, width), 'bold', painter.depth), whole] : [whole]
  return { above, below: labels.legend ? [legend.text] : [] }
}
