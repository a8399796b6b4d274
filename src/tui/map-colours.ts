import { sequential } from '../pictures/palette.js'
import { backgroundCode, type ColourDepth, foregroundCode } from '../terminal/colours.js'

/** Steps of brightness that a cell can have. */
const LEVELS = 24

/** From an expert that sleeps to one that is wide awake, where there is no colour. */
const SHADES = ['·', '░', '▒', '▓', '█']

/**
 * Draws cells of a brightness from 0 to 1, or NaN where there is no cell; equal neighbours share their escape sequences.
 */
export class CellPainter {
  private readonly foreground: string[]
  private readonly background: string[]

  constructor(readonly depth: ColourDepth) {
    const levels = Array.from({ length: LEVELS }, (_, i) => sequential(i / (LEVELS - 1)))
    this.foreground = levels.map((colour) => foregroundCode(colour, depth))
    this.background = levels.map((colour) => backgroundCode(colour, depth))
  }

  /** One lane, each cell as `width` characters. */
  row(amounts: Float32Array, width: number): string {
    if (this.depth === 'none') return Array.from(amounts, (amount) => shade(amount).repeat(width)).join('')
    return this.painted(
      Array.from(amounts, (amount) =>
        Number.isNaN(amount)
          ? { text: ' '.repeat(width), codes: '' }
          : { text: '█'.repeat(width), codes: this.foreground[level(amount)] },
      ),
    )
  }

  /** Two lanes in one line, the second below the first. */
  stackedRows(upper: Float32Array, lower: Float32Array, width: number): string {
    return this.painted(Array.from(upper, (amount, i) => this.pair('▀▄', amount, lower[i] ?? Number.NaN, width)))
  }

  /** One lane with two cells per character. */
  narrowRow(amounts: Float32Array): string {
    const cells = Array.from({ length: Math.ceil(amounts.length / 2) }, (_, i) => {
      return this.pair('▌▐', amounts[2 * i], amounts[2 * i + 1] ?? Number.NaN, 1)
    })
    return this.painted(cells)
  }

  /** Two cells in one place; `signs` fill the half of the first and of the second. */
  private pair(signs: string, first: number, second: number, width: number): Cell {
    if (Number.isNaN(first) && Number.isNaN(second)) return { text: ' '.repeat(width), codes: '' }
    if (Number.isNaN(second)) return { text: signs[0].repeat(width), codes: `${this.foreground[level(first)]};49` }
    if (Number.isNaN(first)) return { text: signs[1].repeat(width), codes: `${this.foreground[level(second)]};49` }
    const codes = `${this.foreground[level(first)]};${this.background[level(second)]}`
    return { text: signs[0].repeat(width), codes }
  }

  private painted(cells: readonly Cell[]): string {
    let line = ''
    let codes = ''
    for (const cell of cells) {
      if (cell.codes !== codes) line += `\x1b[${cell.codes || '39;49'}m`
      line += cell.text
      codes = cell.codes
    }
    return codes === '' ? line : `${line}\x1b[39;49m`
  }
}

interface Cell {
  text: string
  /** Parameters of the escape sequence for its colours; empty where it is blank. */
  codes: string
}

function level(amount: number): number {
  return Math.round(Math.min(1, amount) * (LEVELS - 1))
}

function shade(amount: number): string {
  return SHADES[Math.min(SHADES.length - 1, Math.ceil(amount * (SHADES.length - 1)))] ?? ' '
}
