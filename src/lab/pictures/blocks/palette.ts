import type { ColourDepth, Rgb } from '../../../ground/output/colours.js'
import { onRamp } from './ramps.js'

/*
 * Both ramps keep their order with any kind of colour blindness and in grey print. The first is cividis (Nuñez,
 * Anderton, Renslow, 2018), the second runs from blue over grey to orange.
 */
const SEQUENTIAL: Rgb[] = [
  [0, 34, 78],
  [18, 53, 112],
  [59, 73, 108],
  [87, 93, 109],
  [112, 113, 115],
  [138, 134, 120],
  [165, 156, 116],
  [195, 179, 105],
  [225, 204, 85],
  [254, 232, 56],
]

const DIVERGING: Rgb[] = [
  [33, 102, 172],
  [103, 146, 191],
  [164, 184, 204],
  [214, 214, 214],
  [222, 184, 143],
  [207, 138, 70],
  [179, 88, 6],
]

/** The same hues for a terminal: the middle is equally far from a black and a white background. */
const ON_TERMINAL: Rgb[] = [
  [60, 140, 220],
  [88, 130, 180],
  [118, 118, 118],
  [176, 128, 70],
  [230, 135, 20],
]

/** For terminals with 256 colours. Chosen by hand: rounding the ramp above to 256 colours puts teal out of order. */
const DIVERGING_256: Rgb[] = [
  [95, 135, 215],
  [95, 135, 175],
  [118, 118, 118],
  [175, 135, 95],
  [215, 135, 0],
]

/** Colour of an amount from 0 (dark) to 1 (bright). */
export function sequential(amount: number): Rgb {
  return onRamp(SEQUENTIAL, amount)
}

/** Colour of a difference from -1 (blue) over 0 (grey) to 1 (orange). */
export function diverging(difference: number): Rgb {
  return onRamp(DIVERGING, (difference + 1) / 2)
}

export function divergingOn(depth: ColourDepth, difference: number): Rgb {
  const position = (difference + 1) / 2
  return depth === '256' ? nearest(DIVERGING_256, position) : onRamp(ON_TERMINAL, position)
}

export function toHex(rgb: Rgb): string {
  return `#${rgb.map((channel) => channel.toString(16).padStart(2, '0')).join('')}`
}

function nearest(ramp: readonly Rgb[], position: number): Rgb {
  return ramp[Math.round(Math.min(1, Math.max(0, position)) * (ramp.length - 1))]
}

/** Strength of a gate against the largest possible one, from 0 to 1; 1 for a gate that is not known. */
export function strengthOf(gate: number, largest: number): number {
  return Number.isNaN(gate) ? 1 : gate / largest
}
