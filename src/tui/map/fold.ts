import { type CellForm, JUST_BEFORE } from './cell-painter.js'

/** Room for a drawing, in characters. */
export interface Room {
  width: number
  height: number
}

/** How the lanes of a map, one per layer, are folded to fit a room. */
export interface Fold extends CellForm {
  /** Experts per cell, for each kind; of several, the brightest is shown. */
  perCell: number[]
  /** Blocks of lines beside one another: when one is full, layers go on in the next. */
  blocks: number
  /** Lines of each block. */
  lines: number
  /** The layers that are shown, [from, to). */
  from: number
  to: number
}

/** What is to be folded. */
export interface Lanes {
  layers: number
  /** Most experts that a layer has of each kind. */
  experts: readonly number[]
  /** Columns in front of each lane. */
  label: number
  /** A layer that must be seen. */
  around: number
  /** The forms that cells may have, from the most legible to the smallest. */
  forms: readonly CellForm[]
  /** Most experts of the largest kind that a cell may stand for; beyond it a lane says too little. */
  mostPerCell: number
  /** Whether a cell is to be one expert wherever that is possible at all. */
  exact: boolean
}

/** Columns between two lanes. */
export const GAP = 2

/** A character per cell or more: these show what a single cell is. */
const SINGLE: readonly CellForm[] = [
  { cell: 2, perLine: 1 },
  { cell: 1, perLine: 1 },
]
/** Two cells with a colour each. */
const PAIRS: readonly CellForm[] = [
  { cell: 2, perLine: 2 },
  { cell: 1, perLine: 2 },
]

/** Forms for pictures where few cells are lit, so that it is rare that two of them share a character. */
export const SPARSE_FORMS: readonly CellForm[] = [
  ...SINGLE,
  ...PAIRS,
  { cell: 0.5, perLine: 2 },
  { cell: 0.5, perLine: 4 },
]
/** Forms for pictures where every cell has a colour. */
export const DENSE_FORMS: readonly CellForm[] = [...SINGLE, ...PAIRS, { cell: 0.5, perLine: 1 }]
/** Forms for pictures in which single cells are set off, or told by their shade alone. */
export const SINGLE_FORMS = SINGLE

/**
 * The most legible fold that shows all layers; where none does, one that shows as many as fit around the layer that must
 * be seen. Undefined where not even one lane fits.
 */
export function foldLanes(lanes: Lanes, room: Room): Fold | undefined {
  if (room.height < 1) return undefined
  if (!lanes.exact) {
    for (let most = 1; most <= lanes.mostPerCell; most++) {
      const whole = foldsOf(lanes, room, most).find(({ from, to }) => to - from === lanes.layers)
      if (whole) return whole
    }
  }
  for (let most = 1; most <= Math.max(1, ...lanes.experts); most++) {
    const folds = foldsOf(lanes, room, most)
    const shown = Math.max(...folds.map(({ from, to }) => to - from))
    const best = folds.find(({ from, to }) => to - from === shown)
    if (best) return best
  }
  return undefined
}

/** The folds that fit the width, from the most legible on, with `most` experts per cell of the largest kind. */
function foldsOf(lanes: Lanes, { width, height }: Room, most: number): Fold[] {
  const { layers, experts, label, around, forms } = lanes
  // A smaller kind need not be folded as far: no lane has more cells than that of the largest.
  const cells = Math.ceil(Math.max(...experts) / most)
  const perCell = experts.map((count) => Math.max(1, Math.ceil(count / cells)))
  return forms.flatMap(({ cell, perLine }) => {
    const widths = experts.map((count, kind) => Math.ceil(Math.ceil(count / perCell[kind]) * cell) + GAP)
    const lane = widths.reduce((sum, width) => sum + width, label - GAP)
    const units = Math.ceil(layers / perLine)
    const blocks = Math.min(Math.floor((width + GAP) / (lane + GAP)), Math.ceil(units / height))
    if (blocks < 1) return []
    const shown = Math.min(units, blocks * height)
    const first = Math.min(units - shown, Math.max(0, Math.floor(around / perLine) - (shown >> 1)))
    const [from, to] = [first * perLine, Math.min(layers, (first + shown) * perLine)]
    return [{ perCell, cell, perLine, blocks, lines: Math.ceil(shown / blocks), from, to }]
  })
}

/** Amounts of cells of several experts each: the strongest of them. Cells without any experts are NaN. */
export function folded(amounts: Float32Array, perCell: number, experts: number): Float32Array {
  const cells = new Float32Array(Math.ceil(experts / perCell)).fill(Number.NaN)
  for (const [expert, amount] of amounts.entries()) {
    const cell = Math.floor(expert / perCell)
    if (!(rank(cells[cell]) >= rank(amount))) cells[cell] = amount
  }
  return cells
}

/** What was chosen just before stands between what is chosen and what is not. */
function rank(amount: number): number {
  return amount === JUST_BEFORE ? Number.MIN_VALUE : amount
}
