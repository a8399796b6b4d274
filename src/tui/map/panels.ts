import type { MixtureKind } from '../../model/config.js'
import { marked } from '../../pictures/text-map.js'
import { fit } from '../../terminal/cell-width.js'
import type { CellForm, CellPainter, CellSigns } from './cell-painter.js'
import { folded, GAP } from './fold.js'

/** The text of a lane without experts. */
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
  /** Experts per cell. */
  perCell: number
}

/** Panels of the same form for some kinds. */
export function panelsOf(
  kinds: readonly MixtureKind[],
  experts: readonly number[],
  { perCell, cell, perLine }: CellForm & { perCell: readonly number[] },
): Panel[] {
  return kinds.map((kind, i) => ({ kind, experts: experts[i], perCell: perCell[i], cell, perLine }))
}

/** Joins panels side by side. */
export function beside(texts: readonly string[]): string {
  return texts.join(' '.repeat(GAP))
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
  if (cells.every((amounts) => amounts.every(Number.isNaN))) return fit(DENSE, widthOf(panel)).padEnd(widthOf(panel))
  return painter.line(cells, panel, {
    marked: marked && folded(marked, perCell, experts),
    struck: struck && folded(struck, perCell, experts),
  })
}

/** Whether teaching added an expert. */
export type IsNewcomer = (kind: MixtureKind, expert: number) => boolean

/** Names of the kinds and numbers of the experts above their lanes: each in a line of their own, or both in one. */
export function headLines(panels: readonly Panel[], lines: 0 | 1 | 2, isNewcomer: IsNewcomer): string[] {
  if (lines === 0) return []
  if (lines === 2) return [namesLine(panels), numbersLine(panels, isNewcomer)]
  return [beside(panels.map((panel) => numbersOf(panel, isNewcomer, nameFor(panel, 0.5))))]
}

/** Names of the kinds, with the first and last expert if there is room. */
function namesLine(panels: readonly Panel[]): string {
  return beside(panels.map((panel) => nameFor(panel, 1).padEnd(widthOf(panel))))
}

/** The longest name of a panel that takes no more than this share of its width. */
function nameFor(panel: Panel, share: number): string {
  const texts = [`${NAMES[panel.kind][0]} 0-${panel.experts - 1}`, ...NAMES[panel.kind]]
  return texts.find((text) => text.length <= share * widthOf(panel)) ?? ''
}

/** Numbers of experts above the left edges of their cells, and a + above newcomers. */
export function numbersLine(panels: readonly Panel[], isNewcomer: IsNewcomer): string {
  return beside(panels.map((panel) => numbersOf(panel, isNewcomer)))
}

/** The numbers of one panel, from `first` on; a name in front takes the place of the first ones. */
export function numbersOf(panel: Panel, isNewcomer: IsNewcomer, name = '', first = 0): string {
  const { experts, perCell, cell } = panel
  const width = widthOf(panel)
  const least = String(first + experts - 1).length + 1
  const step = [1, 2, 4, 8, 16, 32, 64].find((step) => (step / perCell) * cell >= least) ?? experts
  let line = ''
  for (let expert = 0; expert < experts; expert += step) {
    const column = Math.floor(expert / perCell) * cell
    const number = String(first + expert)
    if (name !== '' && column < name.length + 2) continue
    if (Number.isInteger(column) && column + number.length <= width) line = line.padEnd(column) + number
  }
  const numbers = marked(line.padEnd(width), cell / perCell, experts, (expert) => {
    return isNewcomer(panel.kind, first + expert)
  })
  return name + numbers.slice(name.length)
}

/** Columns of a panel. */
export function widthOf({ experts, perCell, cell }: Pick<Panel, 'experts' | 'perCell' | 'cell'>): number {
  return Math.ceil(Math.ceil(experts / perCell) * cell)
}
