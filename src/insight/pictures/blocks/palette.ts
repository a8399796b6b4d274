import type { ColourDepth, Rgb } from '../../../ground/output/colours.js'
import { fromHex, onRamp } from './ramps.js'

/*
 * Both ramps keep their order with any kind of colour blindness and in grey print. The first is cividis (Nuñez,
 * Anderton, Renslow, 2018), the second runs from blue over grey to orange.
 */
const SEQUENTIAL = fromHex('00224e 123570 3b496c 575d6d 707173 8a8678 a59c74 c3b369 e1cc55 fee838')

const DIVERGING = fromHex('2166ac 6792bf a4b8cc d6d6d6 deb88f cf8a46 b35806')

/** The same hues for a terminal: the middle is equally far from a black and a white background. */
const ON_TERMINAL = fromHex('3c8cdc 5882b4 767676 b08046 e68714')

/** For terminals with 256 colours. Chosen by hand: rounding the ramp above to 256 colours puts teal out of order. */
const DIVERGING_256 = fromHex('5f87d7 5f87af 767676 af875f d78700')

/** Colour of an amount from 0 (dark) to 1 (bright). */
export function sequential(amount: number): Rgb {
  return onRamp(SEQUENTIAL, amount)
}

/** Colour of a difference from -1 (blue) over 0 (grey) to 1 (orange). */
export function diverging(difference: number): Rgb {
  return onRamp(DIVERGING, (difference + 1) / 2)
}

export function divergingOn(depth: ColourDepth, difference: number): Rgb {
  const position = Math.min(1, Math.max(0, (difference + 1) / 2))
  if (depth !== '256') return onRamp(ON_TERMINAL, position)
  return DIVERGING_256[Math.round(position * (DIVERGING_256.length - 1))]
}

export function toHex(rgb: Rgb): string {
  return `#${rgb.map((channel) => channel.toString(16).padStart(2, '0')).join('')}`
}

/** Strength of a gate against the largest possible one, from 0 to 1; 1 for a gate that is not known. */
export function strengthOf(gate: number, largest: number): number {
  return Number.isNaN(gate) ? 1 : gate / largest
}
