import { fit } from '../../../ground/output/cell-width.js'
import { wrap } from '../../../ground/output/wrap.js'
import type { Mark, Scale } from '../blocks/figure.js'
import { CHARACTER, type Drawing, type Fill, fixed, LINE, label, textWidth } from './svg-drawing.js'

const STEPS = 32
const BAR = 128
const GAP = 6

/** Draws the legend: a ramp between its ends, and signs for cells without a colour. */
export function legendDrawing({ isSigned, meaning, from, to, marks = {} }: Scale, fill: Fill, width: number): Drawing {
  const columns = Math.floor((width - BAR - 2 * GAP) / 2 / CHARACTER)
  const [left, right] = [fit(from, columns), fit(to, columns)]
  const title = `${meaning}:`
  const bar = textWidth(left) + BAR + textWidth(right) + 2 * GAP
  const isOneLine = textWidth(title) + GAP + bar <= width
  const lines = isOneLine ? [] : wrap(title, Math.floor(width / CHARACTER))
  const y = lines.length * LINE
  const x = isOneLine ? textWidth(title) + GAP : 0
  const parts = lines.map((line, i) => label(0, 11 + i * LINE, line))
  if (isOneLine) parts.push(label(0, 11, title))
  parts.push(label(x, y + 11, left), ramp(x + textWidth(left) + GAP, y + 2, isSigned ? -1 : 0, fill))
  parts.push(label(x + bar - textWidth(right), y + 11, right))
  let height = y + LINE
  let at = 0
  for (const [kind, meaning] of Object.entries(marks)) {
    parts.push(`<g transform="translate(${fixed(at)} ${height + 1})">${markOf(kind as Mark, 11, 11)}</g>`)
    parts.push(label(at + 17, height + 11, meaning))
    at += 17 + textWidth(meaning) + 4 * GAP
  }
  if (at > 0) height += LINE
  return { markup: parts.join(''), width: Math.max(x + bar, at, ...lines.map(textWidth)), height }
}

/** Draws a cell without an amount at (0, 0). */
export function markOf(kind: Mark, width: number, height: number): string {
  const box = `<rect class="empty" x=".5" y=".5" width="${fixed(width - 1)}" height="${fixed(height - 1)}"/>`
  return kind === 'unused'
    ? box
    : `${box}<path class="cross" d="M2 2L${fixed(width - 2)} ${fixed(height - 2)}M${fixed(width - 2)} 2L2 ${fixed(height - 2)}"/>`
}

function ramp(x: number, y: number, from: number, fill: Fill): string {
  const step = BAR / STEPS
  return Array.from({ length: STEPS }, (_, i) => {
    const amount = from + ((1 - from) * i) / (STEPS - 1)
    return `<rect x="${fixed(x + i * step)}" y="${y}" width="${step + 0.5}" height="10" ${fill(amount)}/>`
  }).join('')
}
