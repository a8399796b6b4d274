import { type ColourDepth, paint, type Rgb } from '../terminal/colours.js'
import type { Amount, Mark } from './figure.js'
import { divergingOn, sequentialOn } from './palette.js'

/** Shades from light to dark, for terminals without a ramp of colours. */
const SHADES = ['░', '▒', '▓', '█']
/** Sign of an amount or difference near 0, drawn in a quiet grey. */
const NOTHING = '·'
const MISSING = '×'
const QUIET: Rgb = [110, 110, 110]

/** Signs of differences, from much smaller to much larger. */
export const SIGNS = ['▼', '-', NOTHING, '+', '▲']

/** Draws a cell of `columns` columns for an amount, signed or not. */
export function textCell(amount: Amount, isSigned: boolean, depth: ColourDepth, columns: number): string {
  if (amount === 'missing') return quiet(MISSING, depth, columns)
  if (amount === 'unused') return ' '.repeat(columns)
  return isSigned ? signedCell(amount, depth, columns) : filledCell(amount, depth, columns)
}

function filledCell(amount: number, depth: ColourDepth, columns: number): string {
  if (amount === 0) return quiet(NOTHING, depth, columns)
  if (hasRamp(depth)) return paint('█'.repeat(columns), sequentialOn(depth, amount), depth)
  return SHADES[Math.min(SHADES.length, Math.ceil(amount * SHADES.length)) - 1].repeat(columns)
}

function signedCell(by: number, depth: ColourDepth, columns: number): string {
  if (hasRamp(depth)) {
    if (Math.abs(by) < (depth === '256' ? 0.25 : 0.1)) return quiet(NOTHING, depth, columns)
    return paint('█'.repeat(columns), divergingOn(depth, by), depth)
  }
  const size = Math.abs(by) < 0.15 ? 0 : Math.abs(by) > 0.5 ? 2 : 1
  const sign = SIGNS[2 + size * Math.sign(by)]
  return size === 0
    ? quiet(sign, depth, columns)
    : paint(sign.padEnd(columns), divergingOn(depth, Math.sign(by)), depth)
}

/** Draws a scale from one end to the other as cells. */
export function rampCells(isSigned: boolean, depth: ColourDepth): string {
  if (!hasRamp(depth)) return isSigned ? SIGNS.join(' ') : [NOTHING, ...SHADES].join(' ')
  const steps = 16
  const at = (i: number) => (isSigned ? (2 * i) / (steps - 1) - 1 : i / (steps - 1))
  return Array.from({ length: steps }, (_, i) => textCell(at(i), isSigned, depth, 1)).join('')
}

/** Width of `rampCells` in columns. */
export function rampWidth(depth: ColourDepth): number {
  return hasRamp(depth) ? 16 : 9
}

/** Names of the signs of cells without an amount, for a legend. */
export const MARKS: Record<Mark, string> = { unused: 'blank', missing: MISSING }

/**
 * Whether a terminal can show a ramp. Sixteen colours have no order: there shades show the amount, colours only the
 * sign.
 */
function hasRamp(depth: ColourDepth): boolean {
  return depth === 'truecolor' || depth === '256'
}

function quiet(sign: string, depth: ColourDepth, columns: number): string {
  return paint(sign, QUIET, depth) + ' '.repeat(columns - 1)
}
