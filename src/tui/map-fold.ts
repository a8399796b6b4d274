/** Room for a drawing, in characters. */
export interface Room {
  width: number
  height: number
}

/** How the lanes of a map, one per layer, are folded to fit a room. */
export interface Fold {
  /** Experts per cell, for each kind; of several, the brightest is shown. */
  perCell: number[]
  /** Characters per cell; 0.5 stands for two cells in one character. */
  cell: 2 | 1 | 0.5
  /** Layers in one line of text, the second below the first. */
  perLine: 1 | 2
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
  /** Whether half blocks may be used, which need two colours per character. */
  inColour: boolean
  /** Whether a cell is to be one expert wherever that is possible at all. */
  exact: boolean
}

/** Columns between two lanes. */
export const GAP = 2

type Cell = Pick<Fold, 'cell' | 'perLine'>

/** Cells from the most legible to the smallest. */
const CELLS: readonly Cell[] = [
  { cell: 2, perLine: 1 },
  { cell: 1, perLine: 1 },
  { cell: 2, perLine: 2 },
  { cell: 1, perLine: 2 },
  { cell: 0.5, perLine: 1 },
]

/** Experts per cell of the largest kind, beyond which a lane says too little; a cell without colour has fewer shades. */
const MOST_PER_CELL = { colour: 12, plain: 4 }

/**
 * The most legible fold that shows all layers; where none does, one that shows as many as fit around the layer that must
 * be seen. Undefined where not even one lane fits.
 */
export function foldLanes(lanes: Lanes, room: Room): Fold | undefined {
  const limit = lanes.inColour ? MOST_PER_CELL.colour : MOST_PER_CELL.plain
  if (!lanes.exact) {
    for (let most = 1; most <= limit; most++) {
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
  const { layers, experts, label, around, inColour } = lanes
  // A smaller kind need not be folded as far: no lane has more cells than that of the largest.
  const cells = Math.ceil(Math.max(...experts) / most)
  const perCell = experts.map((count) => Math.max(1, Math.ceil(count / cells)))
  return CELLS.filter(({ cell, perLine }) => inColour || (cell >= 1 && perLine === 1)).flatMap(({ cell, perLine }) => {
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

/** Amounts of cells of several experts each: the largest of them. Cells without any experts are NaN. */
export function folded(amounts: Float32Array, perCell: number, experts: number): Float32Array {
  const cells = new Float32Array(Math.ceil(experts / perCell)).fill(Number.NaN)
  for (const [expert, amount] of amounts.entries()) {
    const cell = Math.floor(expert / perCell)
    if (!(cells[cell] >= amount)) cells[cell] = amount
  }
  return cells
}
