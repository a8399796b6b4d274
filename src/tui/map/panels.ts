import type { MixtureKind } from '../../model/config.js'
import { marked } from '../../pictures/text-map.js'
import { fit } from '../../terminal/cell-width.js'
import type { CellForm, CellPainter } from './cell-painter.js'
import { folded, GAP } from './fold.js'

/** The text of a lane without experts. */
const DENSE = 'dense'

/** Names of the kinds, longest first. */
const NAMES: Record<MixtureKind, readonly string[]> = {
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

/** Draws a panel from the amounts of each layer in the line. `marks` above 0 mark experts. */
export function drawPanel(
  panel: Panel,
  lanes: readonly Float32Array[],
  painter: CellPainter,
  marks?: Float32Array,
): string {
  const { perCell, experts } = panel
  const cells = lanes.map((amounts) => folded(amounts, perCell, experts))
  if (cells.every((amounts) => amounts.every(Number.isNaN))) return fit(DENSE, widthOf(panel)).padEnd(widthOf(panel))
  return painter.line(cells, panel, marks && folded(marks, perCell, experts))
}

/** Names of the kinds above their lanes, with the first and last expert if there is room. */
export function namesLine(panels: readonly Panel[]): string {
  return beside(
    panels.map((panel) => {
      const [name] = NAMES[panel.kind]
      const texts = [`${name} 0-${panel.experts - 1}`, ...NAMES[panel.kind]]
      return (texts.find((text) => text.length <= widthOf(panel)) ?? '').padEnd(widthOf(panel))
    }),
  )
}

/** Numbers of experts above the left edges of their cells, and a + above newcomers. */
export function numbersLine(
  panels: readonly Panel[],
  isNewcomer: (kind: MixtureKind, expert: number) => boolean,
): string {
  return beside(
    panels.map((panel) => {
      const { experts, perCell, cell } = panel
      const width = widthOf(panel)
      const least = String(experts - 1).length + 1
      const step = [1, 2, 4, 8, 16, 32, 64].find((step) => (step / perCell) * cell >= least) ?? experts
      let line = ''
      for (let expert = 0; expert < experts; expert += step) {
        const column = Math.floor(expert / perCell) * cell
        if (Number.isInteger(column) && column + String(expert).length <= width) line = line.padEnd(column) + expert
      }
      return marked(line.padEnd(width), cell / perCell, experts, (expert) => isNewcomer(panel.kind, expert))
    }),
  )
}

function widthOf({ experts, perCell, cell }: Panel): number {
  return Math.ceil(Math.ceil(experts / perCell) * cell)
}
