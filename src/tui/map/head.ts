import type { MixtureKind } from '../../model/config.js'
import { visibleToken } from '../../pictures/visible-token.js'
import { cellWidth, fit } from '../../terminal/cell-width.js'
import { styled } from '../../terminal/style.js'
import { gateOf, largestShare } from './amounts.js'
import { type CellPainter, EMPTY, MARK, TRAIL } from './cell-painter.js'
import type { TokenMap } from './token-map.js'

/** Amounts of the samples in the legend; each is the largest of its shade. */
const SAMPLES = [0.25, 0.5, 0.75, 1]

/** How to draw a map. */
export interface MapOptions {
  /** Whether to show the experts that the tokens just before chose, too. */
  fades?: boolean
  /** Whether more tokens will come. */
  isStreaming?: boolean
  /** Hint at the keys that change the map, for the end of the title. */
  keys?: string
}

/** Lines above and below the lanes, besides the title. */
export interface Labels {
  names: boolean
  legend: boolean
  numbers: boolean
}

/** Labels that a map of this height has room for: a low map is for its lanes. */
export function labelsFor(height: number, lanes: number): Labels {
  return { names: height >= 5, legend: height >= 6, numbers: height >= Math.min(11, 4 + lanes) && height >= 6 }
}

/** Lines of the title and these labels. */
export function labelsHeight({ names, legend, numbers }: Labels): number {
  return 1 + Number(names) + Number(legend) + Number(numbers)
}

/** Describes the map's content. */
export function titleOf(map: TokenMap, isStreaming = false): string {
  const { mode, shown, selected, shownIndex, usage } = map
  if (mode === 'usage') return `share of the answers' ${usage.tokens} tokens that chose each expert`
  if (mode === 'layer') return 'a row per token'
  if (!shown) return 'experts, a row per layer: lit when a token chooses them'
  const text = `"${visibleToken(shown.text)}"`
  if (selected === undefined) return `experts of the ${isStreaming ? 'newest' : 'last'} token ${text}`
  return `experts of token ${shownIndex + 1} of ${map.tokens.length} ${text}${shown.isQuestion ? ' (read)' : ''}`
}

/** The title and its notes; also the hint at keys, dim, if there is room. */
export function titleLine(parts: readonly string[], keys = '', width: number, painter: CellPainter): string {
  const text = fit(parts.join(' · '), width)
  const hint = ` · ${keys}`
  const hasRoom = keys !== '' && cellWidth(text) + cellWidth(hint) <= width
  return hasRoom ? text + styled(hint, 'dim', painter.depth) : text
}

/** Notes how many experts share a cell; none if each has its own. */
export function cellNotes(kinds: readonly MixtureKind[], perCell: readonly number[]): string[] {
  if (perCell.every((count) => count === 1)) return []
  if (perCell.every((count) => count === perCell[0])) return [`${perCell[0]} per cell`]
  const several = kinds.flatMap((kind, i) => (perCell[i] > 1 ? [`${perCell[i]} ${kind}`] : []))
  return [`${several.join(', ')} per cell`]
}

export interface LegendOptions {
  fades?: boolean
  /** Whether cells of the selected token are marked. */
  marks?: boolean
  /** Whether the cells have shades for the gates if there is no colour. */
  hasShades?: boolean
  notes?: readonly string[]
}

/** Explains the cells: a scale, then the other signs and the notes, as far as there is room. */
export function legendLine(
  map: TokenMap,
  painter: CellPainter,
  width: number,
  { fades = false, marks = false, hasShades = true, notes = [] }: LegendOptions,
): string {
  if (painter.depth === 'none' && !hasShades) return joined([CHOSEN, ...others(fades, marks), ...notes], width)
  const isUsage = map.mode === 'usage'
  const values = SAMPLES.map((amount) => {
    return isUsage ? `${Math.round(100 * largestShare(map.usage) * amount)}` : formatGate(gateOf(amount, map))
  })
  const [before, after] = isUsage ? ['share ', ' %'] : ['gate ', '']
  const scaleWidth = values.reduce((sum, value) => sum + 3 + value.length, before.length + after.length - 1)
  if (scaleWidth > width) return ''
  const rest = joined(['', ...others(fades, marks), ...notes], width - scaleWidth)
  const dim = (text: string) => styled(text, 'dim', painter.depth)
  const scale = SAMPLES.map((amount, i) => `${painter.sample(amount)}${dim(` ${values[i]}`)}`).join(' ')
  return dim(before) + scale + dim(after + rest)
}

const CHOSEN = '▘ chosen'

function others(fades: boolean, marks: boolean): string[] {
  return [
    `${EMPTY} not chosen`,
    ...(fades ? [`${TRAIL} just before`] : []),
    ...(marks ? [`${MARK} by this token`] : []),
  ]
}

/** Joins the parts that fit. */
function joined(parts: readonly string[], width: number): string {
  const between = '   '
  return parts.reduce((line, part, i) => {
    const longer = i === 0 ? part : line + between + part
    return cellWidth(longer) <= width ? longer : line
  }, '')
}

function formatGate(gate: number): string {
  return gate < 1 ? gate.toFixed(2).replace(/^0/, '') : String(Number(gate.toPrecision(3)))
}
