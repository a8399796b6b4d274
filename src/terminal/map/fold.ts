import type { MixtureKind } from '../../model/config/config.js'
import { type CellForm, JUST_BEFORE } from './cell-painter.js'

/*
 * Folding makes a map fit its room. A lane is a row of cells, one per expert; a layer has a lane for each kind of expert.
 * If all fit, every layer has a line and every expert two columns. With less room, foldLanes tries in turn:
 *
 *   1. smaller cells: one column per expert, two layers per line, two experts per column, four layers per line; each form
 *      also with several blocks side by side: when one is full, the layers continue in the next;
 *   2. all forms again with 2, 3, ... neighbouring experts per cell, up to `mostPerCell`; the brightest is shown;
 *   3. some of the layers only, around the one that must be seen, in the form that shows most of them.
 *
 * The first fold that shows all layers wins. An example, 4 layers with 8 experts, two of them chosen in each layer:
 *
 *   24 columns, 2 lines: 1 column per expert, 2 blocks     22 columns, 2 lines: 2 layers per line
 *    0 █····█··   2 ··█····█                                0 ▀▀▄▄· · ▄▄▀▀· ·
 *    1 ·█··█···   3 ···█··█·                                2 · · ▀▀▄▄· · ▄▄▀▀
 *
 *   10 columns, 2 lines: and 2 experts per column          14 columns, 1 line: 4 layers, in braille dots
 *    0 ▚·▞·                                                 0 ⠑⢄⠊⡠
 *    2 ·▚·▞
 *                                                          6 columns, 1 line: and cells of 2 experts
 *                                                           0 ⢣⢣
 */

/** Room for a drawing, in characters. */
export interface Room {
  width: number
  height: number
}

export interface Fold extends CellForm {
  /** Experts per cell, for each kind. */
  perCell: number[]
  /** Columns between the lanes of a layer. */
  gap: number
  blocks: number
  lines: number
  /** The layers that are shown, [from, to). */
  from: number
  to: number
}

/** The lanes to fold, and the limits of folding them. */
export interface Lanes {
  layers: number
  /** Experts of each kind in the layer that has most. */
  experts: readonly number[]
  /** Columns in front of each lane. */
  label: number
  /** Columns between the lanes of a layer. */
  gap: number
  /** A layer that must be seen. */
  around: number
  /** Forms to try, from the most legible to the smallest. */
  forms: readonly CellForm[]
  /** Maximum experts of the largest kind per cell, before layers are left out. */
  mostPerCell: number
}

/** Columns between two lanes; with the name of the second lane's kind between them. */
export const GAP = 2
export const GAP_WITH_NAME = 6

const SINGLE: readonly CellForm[] = [
  { cell: 2, perLine: 1 },
  { cell: 1, perLine: 1 },
]
const PAIRS: readonly CellForm[] = [
  { cell: 2, perLine: 2 },
  { cell: 1, perLine: 2 },
]

/** Forms to try, from the most legible to the smallest. */
export const FORMS = {
  /** Every cell has its own sign: for maps that mark single cells, or have shades and no colours. */
  single: SINGLE,
  /** For maps that colour every cell: two cells share a character, each in its own colour. */
  dense: [...SINGLE, ...PAIRS, { cell: 0.5, perLine: 1 }] as readonly CellForm[],
  /** For maps with few lit cells: two of them seldom share a character. */
  sparse: [...SINGLE, ...PAIRS, { cell: 0.5, perLine: 2 }, { cell: 0.5, perLine: 4 }] as readonly CellForm[],
}

/** The most legible fold with all layers, else one with as many as possible; undefined if not even one lane fits. */
export function foldLanes(lanes: Lanes, room: Room): Fold | undefined {
  if (room.height < 1) return undefined
  for (let most = 1; most <= lanes.mostPerCell; most++) {
    const whole = foldsOf(lanes, room, most).find(({ from, to }) => to - from === lanes.layers)
    if (whole) return whole
  }
  for (let most = 1; most <= Math.max(1, ...lanes.experts); most++) {
    const folds = foldsOf(lanes, room, most)
    const shown = Math.max(...folds.map(({ from, to }) => to - from))
    const best = folds.find(({ from, to }) => to - from === shown)
    if (best) return best
  }
  return undefined
}

/** The fold with room for names if it is as legible as the narrow one, else the narrow one. */
export function withNames(narrow: Fold, wide: Fold | undefined): Fold {
  const formOf = ({ gap, ...form }: Fold) => JSON.stringify(form)
  return wide && formOf(wide) === formOf(narrow) ? wide : narrow
}

/** The folds that fit the width, most legible first, with `most` experts of the largest kind per cell. */
function foldsOf(lanes: Lanes, { width, height }: Room, most: number): Fold[] {
  const { layers, experts, label, around, forms, gap } = lanes
  // A smaller kind needs less folding: its lane must only be no longer than the lane of the largest.
  const cells = Math.ceil(Math.max(...experts) / most)
  const perCell = experts.map((count) => Math.max(1, Math.ceil(count / cells)))
  return forms.flatMap(({ cell, perLine }) => {
    const widths = experts.map((count, kind) => Math.ceil(Math.ceil(count / perCell[kind]) * cell) + gap)
    const lane = widths.reduce((sum, width) => sum + width, label - gap)
    const units = Math.ceil(layers / perLine)
    const blocks = Math.min(Math.floor((width + GAP) / (lane + GAP)), Math.ceil(units / height))
    if (blocks < 1) return []
    const shown = Math.min(units, blocks * height)
    const first = Math.min(units - shown, Math.max(0, Math.floor(around / perLine) - (shown >> 1)))
    const [from, to] = [first * perLine, Math.min(layers, (first + shown) * perLine)]
    return [{ perCell, gap, cell, perLine, blocks, lines: Math.ceil(shown / blocks), from, to }]
  })
}

/** Says how many layers and experts share a sign: `each sign: 4 layers x 2 experts`. None if every expert has its own. */
export function foldNote(kinds: readonly MixtureKind[], { perCell, cell, perLine }: Fold): string[] {
  const counts = perCell.map((count) => count * (cell < 1 ? 2 : 1))
  const isSame = counts.every((count) => count === counts[0])
  const experts = isSame ? String(counts[0]) : kinds.map((kind, i) => `${counts[i]} ${kind}`).join(' or ')
  const parts = [...(perLine > 1 ? [`${perLine} layers`] : []), ...(experts === '1' ? [] : [`${experts} experts`])]
  return parts.length > 0 ? [`each sign: ${parts.join(' x ')}`] : []
}

/** Folds amounts into cells of `perCell` experts: the strongest counts. A cell without experts is NaN. */
export function folded(amounts: Float32Array, perCell: number, experts: number): Float32Array {
  const cells = new Float32Array(Math.ceil(experts / perCell)).fill(Number.NaN)
  for (const [expert, amount] of amounts.entries()) {
    const cell = Math.floor(expert / perCell)
    if (!(rank(cells[cell]) >= rank(amount))) cells[cell] = amount
  }
  return cells
}

/** Orders amounts: chosen, then chosen just before, then not chosen, then masked. */
function rank(amount: number): number {
  return amount === JUST_BEFORE ? Number.MIN_VALUE : amount
}
