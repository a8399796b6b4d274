import type { ColourDepth } from '../../terminal/colours.js'
import { inverse, styled } from '../../terminal/style.js'

/**
 * A dim line of numbers, with the number at `column` in reverse video. It takes the place of numbers that it touches, and
 * moves left if it would not fit.
 */
export function withNumber(
  line: string,
  number: number | undefined,
  column: number | undefined,
  width: number,
  depth: ColourDepth,
): string {
  if (number === undefined || column === undefined) return styled(line, 'dim', depth)
  const text = String(number)
  const from = Math.max(0, Math.min(column, width - text.length))
  const to = from + text.length
  const signs = [...line.padEnd(to)]
  // A name in the line may touch the number, but not lose its end to it.
  const touching = signs.slice(from, to).some((sign) => /[a-z]/.test(sign)) ? /\S/ : /[-\d]/
  for (let at = to; touching.test(signs[at] ?? ''); at++) signs[at] = ' '
  for (let at = from - 1; touching.test(signs[at] ?? ''); at--) signs[at] = ' '
  const [before, after] = [signs.slice(0, from).join(''), signs.slice(to).join('').trimEnd()]
  return `${styled(before, 'dim', depth)}${inverse(text)}${after === '' ? '' : styled(after, 'dim', depth)}`
}
