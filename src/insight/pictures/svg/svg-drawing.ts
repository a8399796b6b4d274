import { cellWidth } from '../../../ground/output/cell-width.js'
import { printableText } from '../../../ground/printable.js'
import { diverging, sequential, toHex } from '../blocks/palette.js'

/** A piece of an SVG image, with its size in user units. */
export interface Drawing {
  markup: string
  width: number
  height: number
}

/** Returns the SVG attribute with the colour of an amount. */
export type Fill = (amount: number) => string

export function onPaper(isSigned: boolean): Fill {
  return (amount) => `fill="${toHex(isSigned ? diverging(amount) : sequential(amount))}"`
}

/** Fonts of fixed width, so that the width of a text is known with each of them. PNG is rendered with the first. */
export const FONT = "'DejaVu Sans Mono',ui-monospace,Menlo,Consolas,monospace"
export const FONT_SIZE = 11
export const CHARACTER = 0.602 * FONT_SIZE
export const LINE = 15

export function textWidth(text: string): number {
  return cellWidth(text) * CHARACTER
}

export function label(x: number, y: number, text: string, style = ''): string {
  return `<text x="${fixed(x)}" y="${fixed(y)}"${style && ` class="${style}"`} xml:space="preserve">${escapeXml(text)}</text>`
}

export function endLabel(x: number, y: number, text: string): string {
  return `<text x="${fixed(x)}" y="${fixed(y)}" text-anchor="end">${escapeXml(text)}</text>`
}

export function textLines(lines: readonly string[], style = ''): Drawing {
  const markup = lines.map((line, i) => label(0, 11 + i * LINE, line, style)).join('\n')
  return { markup, width: Math.max(0, ...lines.map(textWidth)), height: lines.length * LINE }
}

export function stack(drawings: readonly Drawing[], gap: number): Drawing {
  let y = 0
  const placed = drawings.map(({ markup, height }) => {
    const group = `<g transform="translate(0 ${fixed(y)})">${markup}</g>`
    y += height + gap
    return group
  })
  return { markup: placed.join('\n'), width: Math.max(...drawings.map(({ width }) => width)), height: y - gap }
}

/** A self-contained image, black on white. */
export function svgImage(width: number, height: number, name: string, markup: string): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escapeXml(name)}">
<style>${STYLE}</style>
<rect width="100%" height="100%" fill="#ffffff"/>
${markup}
</svg>
`
}

const STYLE = `text{font-family:${FONT};font-size:${FONT_SIZE}px;fill:#333}.title{font-weight:700;fill:#111}.head{fill:#111}.small{font-size:8px}.empty{fill:none;stroke:#ccc}.cross{fill:none;stroke:#777}.new{stroke:#d1242f;stroke-width:1.5}`

export function fixed(value: number): number {
  return Number(value.toFixed(2))
}

/** Escapes text for a picture or page, on one line. */
export function escapeXml(text: string): string {
  return printableText(text.replace(/[\n\t]/g, '\u{fffd}'))
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}
