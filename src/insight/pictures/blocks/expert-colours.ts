import type { Rgb } from '../../../ground/output/colours.js'
import { amountOf, MOST_BITS, type TextColour } from '../../usage/text-colours.js'
import { percent } from './labels.js'
import { type Background, fromHex, onRamp } from './ramps.js'

export type { Background } from './ramps.js'

/** Colours of the letters, by the background of the page or terminal; the contrast is at least 4.5 (WCAG AA). */
export const INK: Record<Background, Rgb> = { light: [27, 31, 36], dark: [230, 233, 237] }

/** Lightness of the colours, in turn. */
const LIGHTNESS: Record<Background, readonly number[]> = { light: [0.9, 0.81, 0.72], dark: [0.32, 0.4, 0.48] }
/** Chroma at most; less for hues that sRGB cannot show as strong. */
const CHROMA = 0.12
/** Degrees between the hues of neighbours: of the steps tried, it keeps 24 colours furthest apart. */
const HUE_STEP = 164.5
const FIRST_HUE = 30

const AMOUNTS: Record<Background, readonly Rgb[]> = {
  light: fromHex('fffcf0 fbe68a f0a050'),
  dark: fromHex('222426 6b5a12 964c10'),
}

/**
 * Colour behind a token of an expert, for text in the ink of the same background. It depends on the id alone, so an expert has
 * the same colour in every text and figure. Neighbours differ in hue and lightness; 24 experts have distinct colours.
 */
export function expertColour(expert: number, background: Background): Rgb {
  const lightness = LIGHTNESS[background][expert % 3]
  const hue = ((FIRST_HUE + HUE_STEP * expert) * Math.PI) / 180
  for (let chroma = CHROMA; ; chroma -= 0.002) {
    const linear = linearOf(lightness, chroma * Math.cos(hue), chroma * Math.sin(hue))
    if (linear.every((channel) => channel >= 0 && channel <= 1)) {
      const [red, green, blue] = linear.map(encoded)
      return [red, green, blue]
    }
  }
}

/** Colour behind a token for an amount from 0 to 1, for text in the ink of the same background. */
export function amountColour(amount: number, background: Background): Rgb {
  return onRamp(AMOUNTS[background], amount)
}

/** Colour behind a token for a value of its text, whose values are at most `largest`. */
export function valueColour(value: number, colour: TextColour, largest: number, background: Background): Rgb {
  if (colour.by === 'expert') return expertColour(value, background)
  return amountColour(amountOf(value, colour, largest), background)
}

/** Meanings of the ends of a ramp of amounts. */
export function rampEnds({ by }: TextColour, largest: number): [from: string, to: string] {
  return by === 'surprise' ? ['0 bits', `${MOST_BITS} bits or more`] : ['0 %', percent(largest)]
}

/** Linear sRGB of a colour in OKLab (Ottosson, 2020). */
function linearOf(lightness: number, a: number, b: number): number[] {
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3
  return [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ]
}

/** Encodes a linear channel from 0 to 1 as sRGB, 0 to 255. */
function encoded(linear: number): number {
  const value = linear <= 0.0031308 ? 12.92 * linear : 1.055 * linear ** (1 / 2.4) - 0.055
  return Math.round(255 * value)
}
