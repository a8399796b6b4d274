import type { MixtureKind } from '../../model/config.js'
import { visibleToken } from '../../pictures/visible-token.js'
import { cellWidth, fit } from '../../terminal/cell-width.js'
import { styled } from '../../terminal/style.js'
import { type CellPainter, EMPTY, MARK, TRAIL } from './cell-painter.js'
import type { TokenMap } from './token-map.js'

/** Amounts of the legend's samples; without colour a shade ends at each. */
const SAMPLES = [0.25, 0.5, 0.75, 1]

/** What a map is drawn with. */
export interface MapOptions {
  /** Whether what tokens just before the shown one chose is shown as well. */
  fades?: boolean
  /** Whether more tokens are to come. */
  isStreaming?: boolean
  /** Which keys change what is shown: the end of the title, where there is room. */
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

/** What the map is of, in words. */
export function titleOf(map: TokenMap, isStreaming = false): string {
  const { mode, shown, selected, shownIndex, usage } = map
  if (mode === 'usage') return `share of the answers' ${usage.tokens} tokens that chose each expert`
  if (mode === 'layer') return 'a row per token'
  if (!shown) return 'experts, a row per layer: lit where a token chooses them'
  const text = `"${visibleToken(shown.text)}"`
  if (selected === undefined) return `experts of the ${isStreaming ? 'newest' : 'last'} token ${text}`
  return `experts of token ${shownIndex + 1} of ${map.tokens.length} ${text}${shown.isQuestion ? ' (read)' : ''}`
}

/** The title with what it must say besides, and, dim, the keys that look closer, where there is room for them. */
export function titleLine(parts: readonly string[], keys = '', width: number, painter: CellPainter): string {
  const text = fit(parts.join(' · '), width)
  const hint = ` · ${keys}`
  const hasRoom = keys !== '' && cellWidth(text) + cellWidth(hint) <= width
  return hasRoom ? text + styled(hint, 'dim', painter.depth) : text
}

/** Says which cells stand for several experts. */
export function cellNotes(kinds: readonly MixtureKind[], perCell: readonly number[]): string[] {
  if (perCell.every((count) => count === 1)) return []
  if (perCell.every((count) => count === perCell[0])) return [`${perCell[0]} per cell`]
  const several = kinds.flatMap((kind, i) => (perCell[i] > 1 ? [`${perCell[i]} ${kind}`] : []))
  return [`${several.join(', ')} per cell`]
}

export interface LegendOptions {
  fades?: boolean
  /** Whether cells of one token are set off. */
  marks?: boolean
  /** Whether a cell without colour tells its gate by its shade, and not only that its expert was chosen. */
  hasShades?: boolean
  notes?: readonly string[]
}

/** What the cells say: a scale with its meaning, then the other signs and notes, as many as there is room for. */
export function legendLine(
  map: TokenMap,
  painter: CellPainter,
  width: number,
  { fades = false, marks = false, hasShades = true, notes = [] }: LegendOptions,
): string {
  if (painter.depth === 'none' && !hasShades) return joined([CHOSEN, ...others(fades, marks), ...notes], width)
  const isUsage = map.mode === 'usage'
  const values = SAMPLES.map((amount) => {
    return isUsage ? `${Math.round(100 * map.largestShare * amount)}` : gateOf(amount)
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

/** As many of the parts as there is room for. */
function joined(parts: readonly string[], width: number): string {
  const between = '   '
  return parts.reduce((line, part, i) => {
    const longer = i === 0 ? part : line + between + part
    return cellWidth(longer) <= width ? longer : line
  }, '')
}

/** The gate whose square root the amount is. */
function gateOf(amount: number): string {
  return amount === 1 ? '1' : (amount * amount).toFixed(2).replace(/^0/, '')
}
