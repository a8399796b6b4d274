import type { ColourDepth } from '../../ground/output/colours.js'
import { type Background, rampColour, rampFor } from '../../insight/pictures/blocks/ramps.js'

/*
 * The amount of a cell is above 0 and at most 1 for a chosen expert, 0 for one that was not chosen, `JUST_BEFORE` for
 * one that only the tokens just before chose, `MASKED` for a masked one that was not chosen, and NaN for no expert.
 */
export const JUST_BEFORE = -1
export const MASKED = -2

/** Number of cells that share a character: experts side by side, layers one below the other. */
export interface CellForm {
  /** Characters per cell; 0.5 means two cells per character. */
  cell: 2 | 1 | 0.5
  perLine: 1 | 2 | 4
}

/** Whether cells of this form are braille dots: each has an eighth of a block's ink. */
export function isBraille({ perLine }: Pick<CellForm, 'perLine'>): boolean {
  return perLine === 4
}

/** Signs in place of blocks, only for a single lane; amounts above 0 set them. */
export interface CellSigns {
  /** Experts that the selected token chose, on a map of the usage. */
  marked?: Float32Array
  /** Masked experts that were chosen all the same, before the mask. */
  struck?: Float32Array
}

/** Signs without colour, from a small gate to a large one. */
const SHADES = ['░', '▒', '▓', '█']
/** Signs of experts, besides the shades of chosen ones. */
export const SIGNS = {
  /** Not chosen: the quietest sign on the screen. */
  empty: '·',
  /** Chosen just before. */
  trail: '•',
  /** Chosen by the selected token, on a map of the usage. */
  mark: 'x',
  /** Masked, and chosen before it was masked. */
  struck: '╳',
  struckChosen: '╬',
}

/** Signs with filled quarters by their bits: 0 is the upper left, then upper right, lower left, lower right. */
const QUARTERS = [...' ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█']
/** Bits of a braille sign, by row and column. */
const DOTS = [
  [0x01, 0x08],
  [0x02, 0x10],
  [0x04, 0x20],
  [0x40, 0x80],
]
const BRAILLE = 0x2800

/** Draws cells on the terminal's own background; equal neighbours share their escape sequences. */
export class CellPainter {
  private readonly ramp

  constructor(
    readonly depth: ColourDepth,
    readonly ground: Background = 'dark',
    /** Whether to draw with the upper half of the ramp, for signs of little ink. */
    private readonly isLifted = false,
  ) {
    this.ramp = rampFor(depth, ground)
  }

  forForm(form: Pick<CellForm, 'perLine'>): CellPainter {
    return isBraille(form) === this.isLifted ? this : new CellPainter(this.depth, this.ground, isBraille(form))
  }

  /** Draws a line of cells, from one lane per layer in it. */
  line(lanes: readonly Float32Array[], { cell, perLine }: CellForm, { marked, struck }: CellSigns = {}): string {
    const across = cell === 0.5 ? 2 : 1
    const columns = Math.ceil(lanes[0].length / across)
    const cells = Array.from({ length: columns }, (_, column) => {
      const group = Array.from({ length: perLine * across }, (_, i) => {
        return lanes[Math.floor(i / across)]?.[column * across + (i % across)] ?? Number.NaN
      })
      if (perLine > 1 || across > 1) return this.several(group, across, Math.max(1, cell))
      const isMarked = (marked?.[column] ?? 0) > 0
      if (!isMarked && (struck?.[column] ?? 0) > 0) return this.struck(group[0], cell)
      return this.single(group[0], cell, isMarked)
    })
    return this.painted(cells)
  }

  sample(amount: number): string {
    return this.painted([this.single(amount, 1, false)])
  }

  private single(amount: number, width: number, isMarked: boolean): Painted {
    if (Number.isNaN(amount)) return blank(width)
    if (isMarked) return { text: SIGNS.mark.padEnd(width), ...(amount > 0 && this.inked(amount)) }
    if (!(amount > 0)) return this.unlit(amount, width)
    if (this.depth !== 'none') return { text: '█'.repeat(width), ink: this.colour(amount) }
    const shade = SHADES[Math.min(SHADES.length, Math.ceil(amount * SHADES.length)) - 1]
    return { text: shade.repeat(width) }
  }

  private struck(amount: number, width: number): Painted {
    return { text: SIGNS.struckChosen.repeat(width), ...(amount > 0 && { ink: this.colour(amount) }) }
  }

  /** Cells that share a character, in the colour of the strongest one. A pair of lit cells has both colours. */
  private several(group: readonly number[], across: number, width: number): Painted {
    if (group.every(Number.isNaN)) return blank(width)
    const lit = group.filter((amount) => amount > 0)
    const braille = group.length / across > 2
    if (lit.length === 0) {
      const cells = group.filter((amount) => !Number.isNaN(amount))
      // Between braille dots, any other dot would look like a chosen expert.
      if (braille && !cells.every((amount) => amount === MASKED)) return blank(width)
      return this.unlit(cells.find((amount) => amount === JUST_BEFORE) ?? Math.max(...cells), width)
    }
    const [first, second] = group
    if (group.length === 2 && lit.length === 2 && this.depth !== 'none') {
      const text = (across === 2 ? '▌' : '▀').repeat(width)
      return { text, ink: this.colour(first), behind: this.colour(second, 'background') }
    }
    return { text: sign(group, across).repeat(width), ink: this.colour(Math.max(...lit)) }
  }

  private unlit(amount: number, width: number): Painted {
    if (amount === JUST_BEFORE) return { text: SIGNS.trail.padEnd(width), ink: this.colour(0) }
    const text = amount === MASKED ? SIGNS.struck : SIGNS.empty
    return { text: text.padEnd(width), isDim: this.depth !== 'none' }
  }

  /** A letter on the cell's colour. */
  private inked(amount: number): Omit<Painted, 'text'> {
    if (this.ramp.background.length === 0) return {}
    // The strong end of a ramp is far from the background, and its weak end in the middle.
    const isBright = this.ground === 'dark' ? this.at(amount) > 0.5 : this.at(amount) < 0.5
    return { ink: isBright ? '30' : '97', behind: this.colour(amount, 'background') }
  }

  private colour(amount: number, part: 'foreground' | 'background' = 'foreground'): string {
    return rampColour(this.ramp[part], this.at(amount))
  }

  /** Place of an amount on the ramp, from 0 to 1. */
  private at(amount: number): number {
    const place = Math.min(1, amount)
    return this.isLifted ? 0.5 + place / 2 : place
  }

  /** Joins cells. Between two of them, only what differs is written: Ink takes each line apart in every frame. */
  private painted(cells: readonly Painted[]): string {
    let line = ''
    let last: Painted = { text: '' }
    for (const cell of [...cells, { text: '' }]) {
      const codes = [
        ...(Boolean(cell.isDim) === Boolean(last.isDim) ? [] : [cell.isDim ? '2' : '22']),
        ...((cell.ink || '') === (last.ink || '') ? [] : [cell.ink || '39']),
        ...((cell.behind || '') === (last.behind || '') ? [] : [cell.behind || '49']),
      ]
      line += codes.length > 0 ? `\x1b[${codes.join(';')}m${cell.text}` : cell.text
      last = cell
    }
    return line
  }
}

/** The text of a cell, with SGR parameters for its colours. An empty parameter is none. */
interface Painted {
  text: string
  isDim?: boolean
  ink?: string
  behind?: string
}

function blank(width: number): Painted {
  return { text: ' '.repeat(width) }
}

/** The sign whose parts are filled for the lit cells. */
function sign(group: readonly number[], across: number): string {
  const rows = group.length / across
  if (rows > 2) {
    const dots = group.reduce((sum, amount, i) => (amount > 0 ? sum | DOTS[Math.floor(i / 2)][i % 2] : sum), 0)
    return String.fromCodePoint(BRAILLE + dots)
  }
  const isLit = (row: number, column: number) => {
    return group[Math.min(row, rows - 1) * across + Math.min(column, across - 1)] > 0
  }
  const quarters = [isLit(0, 0), isLit(0, 1), isLit(1, 0), isLit(1, 1)]
  return QUARTERS[quarters.reduce((sum, lit, i) => sum | (lit ? 1 << i : 0), 0)]
}
