import { type ColourDepth, paint, type Rgb } from '../../ground/output/colours.js'
import { wrap } from '../../ground/output/wrap.js'
import type { Background } from '../../insight/pictures/blocks/ramps.js'
import { ASIDE, CODE, EMPHASIS, type InlineRun, LINK, STRONG, STRUCK } from './inlines.js'

/** Size and colours of the place that Markdown is drawn on. */
export interface Paper {
  width: number
  depth: ColourDepth
  background: Background
}

/** SGR parameters (ECMA-48, 8.3.117) that begin and end looks; bold and dim end together. */
const STYLES: readonly (readonly [looks: number, on: number, off: number])[] = [
  [STRONG, 1, 22],
  [ASIDE, 2, 22],
  [EMPHASIS, 3, 23],
  [LINK, 4, 24],
  [STRUCK, 9, 29],
]
const CODE_COLOURS: Readonly<Record<Background, Rgb>> = { dark: [135, 190, 230], light: [20, 85, 150] }

/** Wraps runs into lines of at most `paper.width` columns, and draws them. */
export function runLines(runs: readonly InlineRun[], paper: Paper): string[] {
  const shown = paper.depth === 'none' ? withSigns(runs) : runs
  return wrapParts(shown, paper.width, (text, { looks }) => drawRun(text, looks, paper))
}

/** Wraps a text of several parts into lines; `draw` draws the piece of a part that is in a line. */
export function wrapParts<P extends { text: string }>(
  parts: readonly P[],
  width: number,
  draw: (text: string, part: P) => string,
): string[] {
  const text = parts.map(({ text }) => text).join('')
  let at = 0
  let part = 0
  /** Place of the part in the text. */
  let begin = 0
  return wrap(text, width).map((line) => {
    // Wrapping drops blanks and line ends only.
    while (at < text.length && !text.startsWith(line, at)) at++
    const end = at + line.length
    let drawn = ''
    while (at < end) {
      while (begin + parts[part].text.length <= at) begin += parts[part++].text.length
      const to = Math.min(end, begin + parts[part].text.length)
      drawn += draw(text.slice(at, to), parts[part])
      at = to
    }
    return drawn
  })
}

export function drawRun(text: string, looks: number, { depth, background }: Paper): string {
  if (depth === 'none' || looks === 0) return text
  const styles = STYLES.filter(([look]) => looks & look)
  const painted = looks & CODE ? paint(text, CODE_COLOURS[background], depth) : text
  if (styles.length === 0) return painted
  const [on, off] = [styles.map(([, on]) => on), [...new Set(styles.map(([, , off]) => off))]]
  return `\x1b[${on.join(';')}m${painted}\x1b[${off.join(';')}m`
}

/** Without styles, code and struck text keep the signs around them: they would mean something else. */
function withSigns(runs: readonly InlineRun[]): InlineRun[] {
  const signed: InlineRun[] = []
  let wasStruck = false
  const strike = (isStruck: boolean) => {
    if (isStruck !== wasStruck) signed.push({ text: '~~', looks: 0 })
    wasStruck = isStruck
  }
  for (const { text, looks } of runs) {
    strike((looks & STRUCK) !== 0)
    const ticks = text.includes('`') ? '``' : '`'
    signed.push({ text: looks & CODE ? `${ticks}${text}${ticks}` : text, looks })
  }
  strike(false)
  return signed
}
