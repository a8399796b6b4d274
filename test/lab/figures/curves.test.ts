import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { textWidth } from '#molm/insight/pictures/svg/svg-drawing.js'
import { renderCurves } from '#molm/lab/figures/curves.js'

const chart = (points: { x: number; y: number }[], name = 'loss') =>
  renderCurves({ title: 'a < b', caption: ['of one run'], x: 'step', y: 'nats', curves: [{ name, points }] })

/** Positions of the dots, from their attributes. */
const dots = (svg: string) =>
  [...svg.matchAll(/<circle cx="([\d.]+)" cy="([\d.]+)"/g)].map(([, x, y]) => [Number(x), Number(y)])

test('a curve follows its values, within the axes, on round numbers', () => {
  const svg = chart([
    { x: 0, y: 8.2 },
    { x: 10, y: 5.1 },
    { x: 20, y: 4.4 },
  ])
  const [first, second, third] = dots(svg)
  assert.ok(first[0] < second[0] && second[0] < third[0])
  assert.ok(first[1] < second[1] && second[1] < third[1], 'downward is a larger y')
  for (const number of [4, 5, 6, 7, 8, 9]) assert.match(svg, new RegExp(`text-anchor="end">${number}</text>`))
  assert.match(svg, /a &lt; b/)
})

test('values that are not finite are omitted, and so is a curve without others', () => {
  const svg = chart([
    { x: 0, y: 3 },
    { x: 1, y: Number.NaN },
    { x: 2, y: Infinity },
    { x: 3, y: 2 },
  ])
  assert.is(dots(svg).length, 2)
  assert.not.match(svg, /NaN|Infinity/)
  const empty = chart([{ x: 0, y: Number.NaN }], 'nothing')
  assert.not.match(empty, /NaN|nothing/)
})

test('a single value, or several equal ones, have an axis, too', () => {
  for (const points of [[{ x: 5, y: 0 }], [0, 1, 2].map((x) => ({ x, y: 7 }))]) {
    const svg = chart(points)
    assert.is(dots(svg).length, points.length)
    assert.not.match(svg, /NaN|Infinity/)
  }
})

test('a line in the legend has the stroke of its curve', () => {
  const points = [0, 1, 2].map((x) => ({ x, y: x }))
  const curves = [
    { name: 'steps', points, isFaint: true },
    { name: 'held out', points },
  ]
  const svg = renderCurves({ title: 'a', caption: [], x: 'step', y: 'nats', curves })
  const strokes = [...svg.matchAll(/stroke="(#\w{6})" stroke-width="(\d)" opacity="([\d.]+)"/g)].map(([found]) => found)
  assert.is(strokes.length, 4)
  assert.equal(strokes.slice(0, 2), strokes.slice(2))
  assert.is.not(strokes[0], strokes[1])
})

test('a long caption is broken into lines that fit the picture', () => {
  const caption = [
    `4 new mlp experts in each of 6 layers; ${'the state of step 90 was kept, '.repeat(5)}`,
    'texts: lab.txt',
  ]
  const svg = renderCurves({ title: 'a', caption, x: 'step', y: 'nats', curves: [] })
  const lines = [...svg.matchAll(/<text x="16" y="(\d+)"[^>]*>([^<]*)</g)]
  const words = lines.map(([, , text]) => text).join(' ')
  assert.is(words.replace(/ +/g, ' ').trim(), `a ${caption.map((line) => line.trim()).join(' ')}`)
  assert.ok(lines.length > 3 && lines.every(([, , text]) => 16 + textWidth(text) <= 720 - 16))
})

test.run()
