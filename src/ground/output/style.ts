import type { ColourDepth } from './colours.js'

/** SGR parameters (ECMA-48, 8.3.117) that begin and end a style. */
const CODES = { dim: ['2', '22'], bold: ['1', '22'], marked: ['1;4', '22;24'] } as const

/** Dim, bold or marked (bold and underlined) text; plain if the terminal is to have no colours. */
export function styled(text: string, style: keyof typeof CODES, depth: ColourDepth): string {
  const [on, off] = CODES[style]
  return depth === 'none' ? text : `\x1b[${on}m${text}\x1b[${off}m`
}

/** Text in reverse video, as a cursor. */
export function inverse(text: string): string {
  return `\x1b[7m${text}\x1b[27m`
}
