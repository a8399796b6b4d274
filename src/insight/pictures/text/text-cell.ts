import { type ColourDepth, paint, type Rgb } from '../../../ground/output/colours.js'
import type { Amount, Mark } from '../blocks/figure.js'
import { divergingOn } from '../blocks/palette.js'
import { type Background, rampColour, rampFor } from '../blocks/ramps.js'

export interface Colours {
  depth: ColourDepth
  background: Background
}

/** Shades from light to dark, for terminals without a ramp of colours. */
const SHADES = ['░', '▒', '▓', '█']
/** Sign of an amount or difference near 0, drawn in a quiet grey. */
const NOTHING = '·'
const MISSING = '×'
/** Near the background: an empty cell must not outshine a weak one. */
const QUIET: Record<Background, Rgb> = { dark: [88, 88, 88], light: [160, 160, 160] }

/** Signs of differences, from much smaller to much larger. */
export const SIGNS = ['▼', '-', NOTHING, '+', '▲']

export function textCell(amount: Amount, isSigned: boolean, colours: Colours, columns: number): string {
  if (amount === 'missing') return quiet(MISSING, colours, columns)
  if (amount === 'unused') return ' '.repeat(columns)
  return isSigned ? signedCell(amount, colours, columns) : filledCell(amount, colours, columns)
}

function filledCell(amount: number, colours: Colours, columns: number): string {
  if (amount === 0) return quiet(NOTHING, colours, columns)
  if (hasRamp(colours.depth)) return onUsageRamp('█'.repeat(columns), amount, colours)
  return SHADES[Math.min(SHADES.length, Math.ceil(amount * SHADES.length)) - 1].repeat(columns)
}

/** Text in the colour of an amount from 0 to 1, on the ramp of the chat's map; plain if the terminal has no such ramp. */
export function onUsageRamp(text: string, amount: number, { depth, background }: Colours): string {
  if (!hasRamp(depth)) return text
  return `\x1b[${rampColour(rampFor(depth, background).foreground, amount)}m${text}\x1b[39m`
}

function signedCell(by: number, colours: Colours, columns: number): string {
  const { depth } = colours
  if (hasRamp(depth)) {
    if (Math.abs(by) < (depth === '256' ? 0.25 : 0.1)) return quiet(NOTHING, colours, columns)
    return paint('█'.repeat(columns), divergingOn(depth, by), depth)
  }
  if (Math.abs(by) < 0.15) return quiet(NOTHING, colours, columns)
  const size = Math.abs(by) > 0.5 ? 2 : 1
  return paint(SIGNS[2 + size * Math.sign(by)].padEnd(columns), divergingOn(depth, Math.sign(by)), depth)
}

export function rampCells(isSigned: boolean, colours: Colours): string {
  if (!hasRamp(colours.depth)) return isSigned ? SIGNS.join(' ') : [NOTHING, ...SHADES].join(' ')
  const steps = 16
  const at = (i: number) => (isSigned ? (2 * i) / (steps - 1) - 1 : i / (steps - 1))
  return Array.from({ length: steps }, (_, i) => textCell(at(i), isSigned, colours, 1)).join('')
}

export function rampWidth(depth: ColourDepth): number {
  return hasRamp(depth) ? 16 : 9
}

/** Names of the signs of cells without an amount, for a legend. */
export const MARKS: Record<Mark, string> = { unused: 'blank', missing: MISSING }

/** Whether a terminal can show a ramp. Sixteen colours have no order: there shades show the amount. */
function hasRamp(depth: ColourDepth): boolean {
  return depth === 'truecolor' || depth === '256'
}

function quiet(sign: string, { depth, background }: Colours, columns: number): string {
  return paint(sign, QUIET[background], depth) + ' '.repeat(columns - 1)
}
