import { fit } from '../../ground/output/cell-width.js'
import type { ColourDepth } from '../../ground/output/colours.js'
import { inverse, styled } from '../../ground/output/style.js'
import { expertNumbers, lineWidth } from '../../insight/pictures/text/text-map.js'
import type { MixtureKind } from '../../model/config/config.js'
import type { CellForm, CellPainter, CellSigns } from './cell-painter.js'
import { folded, GAP } from './fold.js'
import type { TokenMap } from './token-map.js'

const DENSE = 'dense'

/** Names of the kinds, longest first. */
export const NAMES: Record<MixtureKind, readonly string[]> = {
  attention: ['attention', 'attn', 'a'],
  mlp: ['mlp', 'm'],
}

/** The part of a line that shows experts of one kind. */
export interface Panel extends CellForm {
  kind: MixtureKind
  experts: number
  perCell: number
}

export function panelsOf(
  kinds: readonly MixtureKind[],
  experts: readonly number[],
  { perCell, cell, perLine }: CellForm & { perCell: readonly number[] },
): Panel[] {
  return kinds.map((kind, i) => ({ kind, experts: experts[i], perCell: perCell[i], cell, perLine }))
}

export function beside(texts: readonly string[], gap = GAP): string {
  return texts.join(' '.repeat(gap))
}

/** Draws a panel from the amounts of each layer in the line. */
export function drawPanel(
  panel: Panel,
  lanes: readonly Float32Array[],
  painter: CellPainter,
  { marked, struck }: CellSigns = {},
): string {
  const { perCell, experts } = panel
  const cells = lanes.map((amounts) => folded(amounts, perCell, experts))
  if (cells.every((amounts) => amounts.every(Number.isNaN)))
    return fit(DENSE, lineWidth(panel)).padEnd(lineWidth(panel))
  return painter.line(cells, panel, {
    marked: marked && folded(marked, perCell, experts),
    struck: struck && folded(struck, perCell, experts),
  })
}

/**
 * Names of the kinds and numbers of the experts above their lanes: each in a line of their own. A single line has all
 * numbers, and left of them the names that have room there. The first lane has `label` columns in front, which `word`
 * heads, and the others have `gap`.
 */
export function headLines(
  panels: readonly Panel[],
  lines: 0 | 1 | 2,
  { label, gap, word }: { label: number; gap: number; word: string },
  map: TokenMap,
): string[] {
  if (lines === 0) return []
  const numbers = panels.map((panel) => numbersOf(panel, map))
  if (lines === 2) {
    const names = panels.map((panel) => nameIn(lineWidth(panel), panel).padEnd(lineWidth(panel)))
    return [word.padEnd(label) + beside(names, gap), ' '.repeat(label) + beside(numbers, gap)]
  }
  const before = panels.map(({ kind }, at) => {
    if (at > 0) return `${kindIn(gap - GAP, kind)} `.padStart(gap)
    return kindIn(label - 1, kind).padEnd(label)
  })
  return [numbers.map((text, at) => before[at] + text).join('')]
}

/** The longest name of a panel, with its first and last expert, that has at most `room` columns. */
function nameIn(room: number, { kind, experts }: Panel): string {
  const whole = `${NAMES[kind][0]} 0-${experts - 1}`
  return whole.length <= room ? whole : kindIn(room, kind)
}

function kindIn(room: number, kind: MixtureKind): string {
  return NAMES[kind].find((name) => name.length <= room) ?? ''
}

/** The numbers of one panel, from `first` on, as many as have room above their cells. */
export function numbersOf(panel: Panel, map: TokenMap, first = 0): string {
  const { experts, perCell, cell } = panel
  const least = String(first + experts - 1).length + 1
  const step = [1, 2, 4, 8, 16, 32, 64].find((step) => (step / perCell) * cell >= least) ?? experts
  return expertNumbers({ ...panel, first }, step, (expert) => map.isNewcomer(panel.kind, expert))
}

/** A dim line of numbers, with one at `column` in reverse video: it replaces those it touches, and stays in `width`. */
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
