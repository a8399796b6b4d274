import { wrap } from '../../ground/output/wrap.js'
import {
  CHARACTER,
  endLabel,
  escapeXml,
  fixed,
  LINE,
  label,
  svgImage,
  textWidth,
} from '../../insight/pictures/svg/svg-drawing.js'

/** A line of a chart: points in rising order of x. */
export interface Curve {
  name: string
  points: readonly { x: number; y: number }[]
  /** Whether to draw it faintly, for noisy values. */
  isFaint?: boolean
}

export interface Chart {
  title: string
  caption: readonly string[]
  x: string
  y: string
  curves: readonly Curve[]
}

const SIZE = { width: 720, height: 360 }
const MARGIN = 16
const ROOM = { left: 64, right: 24, below: 44 }
/** Distinct with any kind of colour blindness (Okabe and Ito). */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7']
const TICKS = 5

/** Renders curves over a common axis as one SVG image. Omits points whose x or y is not finite. */
export function renderCurves({ title, caption, x, y, curves }: Chart): string {
  const drawn = curves
    .map((curve) => ({ ...curve, points: curve.points.filter((p) => Number.isFinite(p.x) && Number.isFinite(p.y)) }))
    .filter(({ points }) => points.length > 0)
  const all = drawn.flatMap(({ points }) => points)
  const words = caption.flatMap((line) => wrap(line, Math.floor((SIZE.width - 2 * MARGIN) / CHARACTER)))
  const head = 30 + LINE * (words.length + 1)
  const [xs, ys] = [scaleOf(all.map((p) => p.x)), scaleOf(all.map((p) => p.y))]
  const at = (value: number, { from, to }: Axis, start: number, end: number) =>
    fixed(start + ((value - from) / (to - from)) * (end - start))
  const [left, right, top, foot] = [ROOM.left, SIZE.width - ROOM.right, head + 12, SIZE.height - ROOM.below]
  const placeX = (value: number) => at(value, xs, left, right)
  const placeY = (value: number) => at(value, ys, foot, top)
  const grid = [
    ...ys.ticks.map((tick) => {
      return `<path d="M${left} ${placeY(tick)}H${right}" stroke="#ddd"/>${endLabel(left - 6, placeY(tick) + 4, shown(tick))}`
    }),
    ...xs.ticks.map((tick) => {
      return `<path d="M${placeX(tick)} ${top}V${foot}" stroke="#eee"/><text x="${placeX(tick)}" y="${foot + LINE}" text-anchor="middle">${shown(tick)}</text>`
    }),
  ]
  const lines = drawn.map(({ points, isFaint }, i) => {
    const path = points.map((p) => `${placeX(p.x)} ${placeY(p.y)}`).join('L')
    const radius = points.length > 1 ? 2 : 4
    const dot = (p: Curve['points'][number]) => `<circle cx="${placeX(p.x)}" cy="${placeY(p.y)}" r="${radius}"/>`
    const dots = isFaint ? '' : points.map(dot).join('')
    return `<g fill="${COLOURS[i % COLOURS.length]}"><path d="M${path}" fill="none" ${strokeOf(i, isFaint)}/>${dots}</g>`
  })
  let legendAt = left
  const legend = drawn.map(({ name, isFaint }, i) => {
    const sample = `<path d="M${fixed(legendAt)} ${head - 6}h14" ${strokeOf(i, isFaint)}/>`
    const entry = sample + label(legendAt + 20, head - 2, name)
    legendAt += textWidth(name) + 44
    return entry
  })
  const texts = [
    label(MARGIN, 24, title, 'title'),
    ...words.map((line, i) => label(MARGIN, 24 + LINE * (i + 1), line)),
    `<text x="${(left + right) / 2}" y="${SIZE.height - 10}" text-anchor="middle">${escapeXml(x)}</text>`,
    `<text x="14" y="${(top + foot) / 2}" text-anchor="middle" transform="rotate(-90 14 ${(top + foot) / 2})">${escapeXml(y)}</text>`,
  ]
  return svgImage(SIZE.width, SIZE.height, title, [...texts, ...grid, ...lines, ...legend].join('\n'))
}

function strokeOf(curve: number, isFaint?: boolean): string {
  return `stroke="${COLOURS[curve % COLOURS.length]}" stroke-width="${isFaint ? 1 : 2}" opacity="${isFaint ? 0.5 : 1}"`
}

interface Axis {
  from: number
  to: number
  ticks: number[]
}

/** Makes an axis that covers all values, with round numbers as ticks. */
function scaleOf(values: readonly number[]): Axis {
  const least = values.reduce((a, b) => Math.min(a, b), Infinity)
  const most = values.reduce((a, b) => Math.max(a, b), -Infinity)
  if (!(least <= most)) return { from: 0, to: 1, ticks: [0, 1] }
  const range = most - least || Math.abs(most) || 1
  const rough = range / TICKS
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= rough) ?? 10 * power
  const first = Math.floor(least / step)
  const last = Math.max(first + 1, Math.ceil(most / step))
  return {
    from: first * step,
    to: last * step,
    ticks: Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step),
  }
}

function shown(value: number): string {
  return String(Number(value.toPrecision(6)))
}
