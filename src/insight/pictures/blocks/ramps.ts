import type { ColourDepth, Rgb } from '../../../ground/output/colours.js'

export type Background = 'dark' | 'light'

const LEVELS = 24

/*
 * Every ramp goes from a weak cell, near the terminal's background, to a strong one, far from it. Its lightness changes
 * in one direction only, so that it keeps its order in grey and for people with any colour blindness. An expert that
 * was not chosen has no colour, so a ramp need not begin at the background itself.
 */
const TRUE_COLOUR: Record<Background, readonly Rgb[]> = {
  dark: fromHex('465f96 6e7687 a09876 d0be5f fee838'),
  light: fromHex('cdb96e 96917d 697082 37508c 001950'),
}

/** Numbers of the 256 colours: blue, grey, yellow; and yellow to dark blue. */
const OF_256: Record<Background, readonly number[]> = { dark: [25, 66, 144, 185, 227], light: [179, 101, 60, 19, 17] }

/** Foreground codes that have the same order of lightness in the palettes of all common terminals. */
const OF_16: Record<Background, readonly number[]> = { dark: [34, 90, 37, 93], light: [33, 90, 34, 30] }

/** SGR parameters of a ramp's colours, weakest first. */
export interface Ramp {
  foreground: readonly string[]
  background: readonly string[]
}

/** The ramp of a terminal; empty if it shows no colours. */
export function rampFor(depth: ColourDepth, background: Background): Ramp {
  switch (depth) {
    case 'truecolor': {
      const colours = Array.from({ length: LEVELS }, (_, i) => onRamp(TRUE_COLOUR[background], i / (LEVELS - 1)))
      return both(colours.map((colour) => `2;${colour.join(';')}`))
    }
    case '256':
      return both(OF_256[background].map((number) => `5;${number}`))
    case '16':
      return {
        foreground: OF_16[background].map(String),
        background: OF_16[background].map((code) => String(code + 10)),
      }
    case 'none':
      return { foreground: [], background: [] }
  }
}

function both(colours: readonly string[]): Ramp {
  return { foreground: colours.map((code) => `38;${code}`), background: colours.map((code) => `48;${code}`) }
}

/** The codes of a ramp for an amount from 0 to 1; empty if the terminal shows no colours. */
export function rampColour(colours: readonly string[], amount: number): string {
  return colours[Math.round(Math.min(1, amount) * (colours.length - 1))] ?? ''
}

/** The colours of a ramp, each of six hexadecimal digits. */
export function fromHex(colours: string): Rgb[] {
  return colours.split(' ').map((colour): Rgb => {
    const number = Number.parseInt(colour, 16)
    return [number >> 16, (number >> 8) & 255, number & 255]
  })
}

/** Interpolates the colour at a position from 0 to 1 on a ramp. */
export function onRamp(ramp: readonly Rgb[], position: number): Rgb {
  const at = Math.min(1, Math.max(0, position)) * (ramp.length - 1)
  const below = Math.min(Math.floor(at), ramp.length - 2)
  const mix = (channel: number) =>
    Math.round(ramp[below][channel] + (at - below) * (ramp[below + 1][channel] - ramp[below][channel]))
  return [mix(0), mix(1), mix(2)]
}
