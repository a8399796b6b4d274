import { cellWidth, fit } from '../../../ground/output/cell-width.js'
import type { ColourDepth } from '../../../ground/output/colours.js'
import { wrap } from '../../../ground/output/wrap.js'
import { type ExpertMap, type Figure, type MapsBlock, type Mark, mapsOf, type Scale } from '../blocks/figure.js'
import type { Background } from '../blocks/ramps.js'
import { type Colours, MARKS, rampCells, rampWidth, textCell } from './text-cell.js'
import { type DrawCell, textMap } from './text-map.js'
import { tableLines } from './text-table.js'
import { tokenLanes } from './text-tokens.js'

export interface TextOptions {
  /** Colour depth of the terminal. Default 'none'. */
  depth?: ColourDepth
  /** Background of the terminal. Default 'dark'. */
  background?: Background
  /** Maximum columns of a line. Default: no limit. */
  width?: number
}

/** Renders a figure as text, for a terminal or a plain file. */
export function renderText(figure: Figure, options: TextOptions = {}): string {
  return Array.from(figureLines(figure, options), (line) => `${line}\n`).join('')
}

/** Renders a figure line by line: all tokens of a long text would be too much for one string. */
export function* figureLines(figure: Figure, options: TextOptions = {}): Generator<string> {
  const { depth = 'none', background = 'dark', width = Number.POSITIVE_INFINITY } = options
  const colours = { depth, background }
  const head = [figure.title, ...(figure.sentences ?? []), ...figure.caption].filter((line) => line !== '')
  if (head.length > 0) yield* wrap(head.join('\n'), width)
  const maps = mapsOf(figure)
  for (const [i, block] of figure.blocks.entries()) {
    if (i > 0 || head.length > 0) yield ''
    if (block.type === 'maps') {
      yield* mapLines(block, colours, width, maps)
      continue
    }
    yield* wrap(block.title, width)
    if (block.type === 'table') yield* tableLines(block, width)
    else yield* tokenLanes(block, colours, width)
  }
}

function* mapLines(
  { maps, scale }: MapsBlock,
  colours: Colours,
  width: number,
  all: readonly ExpertMap[],
): Generator<string> {
  yield* legend(scale, colours, width)
  for (const map of maps) {
    yield ''
    yield* wrap(map.title, width)
    const draw: DrawCell = (place, columns) => textCell(map.amount(place), scale.isSigned, colours, columns)
    yield* textMap(map, draw, width, all)
  }
}

/** Draws the ramp between its ends, on one line with its meaning if that fits. */
function legend({ isSigned, meaning, from, to, marks = {} }: Scale, colours: Colours, width: number): string[] {
  const { depth } = colours
  const room = width - rampWidth(depth) - 2
  const [left, right] = [fit(from, Math.max(6, Math.floor(room / 2))), fit(to, Math.max(6, Math.floor(room / 2)))]
  const ramp = `${left} ${rampCells(isSigned, colours)} ${right}`
  const size = cellWidth(left) + rampWidth(depth) + cellWidth(right) + 2
  const lines = cellWidth(meaning) + 2 + size <= width ? [`${meaning}: ${ramp}`] : [...wrap(`${meaning}:`, width), ramp]
  const kinds = Object.entries(marks).map(([kind, meaning]) => `${MARKS[kind as Mark]} ${meaning}`)
  return kinds.length === 0 ? lines : [...lines, ...wrap(kinds.join(', '), width)]
}
