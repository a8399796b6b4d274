import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Atlas } from '#molm/experts/atlas.js'
import { pairsAcross, pairsOf, pairsWithin } from '#molm/experts/expert-pairs.js'
import { renderHtml } from '#molm/pictures/html.js'
import { drawPairs } from '#molm/pictures/pairs-figure.js'
import { renderSvg } from '#molm/pictures/svg.js'
import { renderText } from '#molm/pictures/text.js'
import { randomText } from '../support/random-routes.js'

const TEXTS = [1, 2, 3].map((seed) => randomText(`text ${seed}`, 900, seed))
const within = pairsWithin(TEXTS)
const entry = (name: string) => ({ name, share: 0.1, tokens: [], texts: [] })
const names = ['a <b>', 'digits', '"the"', 'code', 'x', 'y']
const atlas = { entries: { attention: Array(3).fill(names.map(entry)) } } as unknown as Atlas

test('matrices have a cell for each pair with enough tokens, and say its names, lift and counts', () => {
  const figure = drawPairs(TEXTS, within, { atlas })
  const svg = renderSvg(figure)
  const [{ from }] = within
  assert.is(from.kind, 'attention')
  const described = svg.match(/<title>[^<]* tokens? chose both, [^<]*<\/title>/g) ?? []
  assert.is(described.length, 2 * within.flatMap(pairsOf).length)
  assert.match(
    svg,
    /<title>0 \(a &lt;b&gt;\), 1 \(digits\): ×\d\.\d, [\d,]+ tokens chose both, [\d,]+ by chance<\/title>/,
  )
  assert.match(svg, /fewer than 5 by chance/)
  assert.match(svg, /÷8.*×8/s)
  assert.match(renderHtml(figure), /A cell is a pair of experts/)
})

test('text lists the pairs with names, lift and counts, the most telling one first', () => {
  const text = renderText(drawPairs(TEXTS, pairsAcross(TEXTS), { atlas }), { width: 100 })
  const lines = text.split('\n')
  assert.is(lines[0], 'Experts of small (q4) that follow one another')
  assert.match(
    lines.slice(1, 3).join(' '),
    /^layer \d \w+ expert \d.* and then layer \d \w+ expert \d.*: (no token|[\d,]+ tokens) chose both, /,
  )
  assert.match(
    text,
    /Experts that follow one another more often than by chance\n +layer +expert +with +lift +tokens +by chance/,
  )
  assert.match(text, /layer 0 attention +\d \(.*\) +layer 1 attention \d \(.*\) +×\d\.\d +[\d,]+ +[\d,]+\n/)
  assert.not.match(text, /÷8/)
  assert.ok(lines.every((line) => line.length <= 100))
})

test('a picture of too many cells is refused with a way out, and text is not', () => {
  const figure = drawPairs(TEXTS, within)
  const [block] = figure.blocks
  if (block.type !== 'matrices') throw new Error('the first block has the matrices')
  block.matrices = Array(20_000).fill(block.matrices[0])
  assert.throws(
    () => renderSvg(figure),
    /have 320,000 cells, and 200000 is the most: show less with `layers` or `only`/,
  )
  assert.match(renderText(figure), /Experts that meet/)
})

test('layers and a kind choose matrices, and none is an error', () => {
  const drawn = (layers: number[]) => renderSvg(drawPairs(TEXTS, pairsAcross(TEXTS), { layers, only: 'attention' }))
  assert.match(drawn([0, 1]), /layer 0 attention →/)
  assert.not.match(drawn([0, 1]), /layer 1 attention →/)
  assert.throws(() => drawn([0]), /no expert of these layers follows another one of them/)
})

test.run()
