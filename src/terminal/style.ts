import type { ColourDepth } from './colours.js'

const CODES = { dim: ['2', '22'], bold: ['1', '22'] } as const

/** Text set off by weight, unless the terminal is to have plain text. */
export function styled(text: string, style: keyof typeof CODES, depth: ColourDepth): string {
  const [on, off] = CODES[style]
  return depth === 'none' ? text : `\x1b[${on}m${text}\x1b[${off}m`
}
