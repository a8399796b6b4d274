import { stripVTControlCharacters } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { cellWidth } from '#molm/ground/output/cell-width.js'
import type { Mixture, TextRoutes } from '#molm/index.js'
import { drawAgreement } from '#molm/insight/pictures/kinds/agreement-figure.js'
import { alwaysLine } from '#molm/insight/pictures/kinds/caption.js'
import { drawUsage } from '#molm/insight/pictures/kinds/usage-figure.js'
import { renderText, type TextOptions } from '#molm/insight/pictures/text/text.js'
import { compareRouting } from '#molm/insight/usage/agreement.js'
import { mixture, reader, routedText } from '../../support/routed-text.js'

const layers = (count: number, experts: number, dense: number[] = []) =>
  Array.from({ length: count }, (_, layer) => (dense.includes(layer) ? 0 : experts))

const SHAPES: Record<string, Mixture[]> = {
  '6 layers': [mixture('attention', layers(6, 8), 2), mixture('mlp', layers(6, 24), 2)],
  '24 layers': [mixture('attention', layers(24, 16), 2), mixture('mlp', layers(24, 32), 2)],
  '48 layers with 128 MLP experts alone': [mixture('mlp', layers(48, 128, [0, 1]), 2)],
}
const WORDS = ['lantern', ' 灯籠', '\n', ' the longest of words that a tokenizer could have']
const WIDTHS = [40, 47, 80, 120, 200]

/** A text of many tokens that choose expert 0 and one other. */
function textOfShape(name: string, mixtures: Mixture[], other: number, tokens = 40): TextRoutes {
  const ids = Array.from({ length: tokens }, (_, i) => i)
  const chosen = (kind: 'attention' | 'mlp') => {
    const experts = Math.max(0, ...(mixtures.find((mixture) => mixture.kind === kind)?.experts ?? []))
    return { ids: [0, 1 + (other % Math.max(1, experts - 1))], gates: [0.5, 0.25] }
  }
  return routedText(name, reader(mixtures, WORDS), ids, () => ({ attention: chosen('attention'), mlp: chosen('mlp') }))
}

const render = (texts: TextRoutes[], options: TextOptions, tokens = false) =>
  renderText(drawUsage(texts, { tokens }), options)

for (const [name, mixtures] of Object.entries(SHAPES)) {
  const texts = [
    textOfShape('a text with a rather long name indeed.txt', mixtures, 3),
    textOfShape('code.js', mixtures, 6),
    textOfShape('b.txt', mixtures, 9, 4),
  ]

  test(`a figure of ${name} fits its window`, () => {
    const figures = [texts.slice(0, 2), texts].map((some) => drawUsage(some))
    for (const figure of [...figures, drawUsage(texts.slice(2), { tokens: true })]) {
      for (const depth of ['none', 'truecolor'] as const) {
        // Colours change no width: the ends of the range are enough with them.
        for (const width of depth === 'none' ? WIDTHS : [WIDTHS[0], WIDTHS[4]]) {
          for (const line of stripVTControlCharacters(renderText(figure, { depth, width })).split('\n')) {
            assert.ok(cellWidth(line) <= width, `${width} ${depth}: ${cellWidth(line)}: ${line}`)
          }
        }
      }
    }
  })

  test(`a comparison of two models of ${name} fits its window`, () => {
    const figure = drawAgreement([compareRouting(texts[1], texts[0])])
    for (const width of WIDTHS) {
      for (const line of renderText(figure, { width }).split('\n')) {
        assert.ok(cellWidth(line) <= width, `${width}: ${cellWidth(line)}: ${line}`)
      }
    }
  })

  test(`a figure of ${name} has a cell for every expert at any width`, () => {
    const experts = mixtures.reduce((sum, { experts }) => experts.reduce((a, b) => a + b, sum), 0)
    const figure = drawUsage(texts.slice(0, 1))
    for (const width of [...WIDTHS, undefined]) {
      const [, , map] = stripVTControlCharacters(renderText(figure, { depth: 'truecolor', width })).split('\n\n')
      const empty = map.replace(/[^·]/g, '').length
      const full = map.replace(/[^█]/g, '').length
      assert.ok(empty + full === experts || empty + full / 2 === experts, `${width}: ${empty} + ${full} of ${experts}`)
    }
  })
}

test('both axes have the numbers of layers and experts, and measures have names', () => {
  const text = textOfShape('b.txt', SHAPES['24 layers'], 9)
  const lines = render([text], { width: 200 }).split('\n')
  const at = lines.indexOf('b.txt, 40 tokens')
  const mlp = [0, 4, 8, 12, 16, 20, 24, 28].map((n) => String(n).padEnd(8)).join('')
  assert.equal(lines.slice(at + 1, at + 4), [
    `       ${'attention'.padEnd(32)}  ${'mlp'.padEnd(64)}  entropy (bits)  fairness (Jain)`,
    `layer  ${'0       4       8       12'.padEnd(32)}  ${mlp}  attn mlp        attn mlp`,
    `    0  ██${'· '.repeat(9)}██${'· '.repeat(5)}  ██${'· '.repeat(9)}██${'· '.repeat(21)}  1.00 1.00       0.13 0.06`,
  ])
  const narrow = render([text], { width: 60 }).split('\n')
  assert.is(narrow[narrow.indexOf('attention, a line per layer') + 1], '   0   4   8   12    bits  Jain')
})

test('each line of a long layer says its first expert, and a dense layer says that it is dense', () => {
  const text = textOfShape('b.txt', [mixture('mlp', [0, 128], 2)], 99)
  const lines = render([text], { width: 80 }).split('\n')
  assert.equal(lines.slice(lines.indexOf('mlp, 64 experts per line') + 1), [
    `    ${[0, 8, 16, 24, 32, 40, 48, 56].map((n) => String(n).padEnd(8)).join('')}  bits  Jain`,
    `  0 dense${' '.repeat(61)}   -     -`,
    `  1 █${'·'.repeat(63)}  1.00  0.02`,
    `+64 ${'·'.repeat(36)}█${'·'.repeat(27)}`,
    '',
  ])
})

test('after the sentence the caption names the model, its packing and the experts per token, and the legend the cells', () => {
  const [title, awake, caption, , scale] = render([textOfShape('b.txt', SHAPES['6 layers'], 3)], {}).split('\n')
  assert.is(title, 'Experts of small (q4)')
  assert.is(caption, 'per layer a token uses 2 of 8 attention experts and 2 of 24 MLP experts')
  assert.is(awake, '24 of 192 experts woke; 12 of them did half of the work')
  assert.is(scale, 'share of the tokens that choose the expert: 0 % · ░ ▒ ▓ █ 100.0 %')
})

test('new experts are named, and have a + in place of their number', () => {
  const taught = { ...mixture('mlp', [9, 9, 10], 2), newExperts: [[], [8], [8, 9]] }
  const text = textOfShape('a.txt', [mixture('attention', [8, 8, 8], 2), taught], 3)
  const drawn = render([text], { width: 100 })
  assert.match(drawn, /^newcomers, taught later: mlp 8 in layer 1; mlp 8, 9 in layer 2$/m)
  assert.match(drawn, /^layer {2}0 {7}4 {9}0 {7}4 {7}\+ \+ /m)
})

test('experts that every token uses are named', () => {
  const always = [
    { ids: [8], isApart: true },
    { ids: [], isApart: false },
    { ids: [8], isApart: true },
  ]
  const text = textOfShape('a.txt', [{ ...mixture('mlp', [9, 0, 9], 2), routing: { always } }], 3)
  assert.match(render([text], { width: 100 }), /^every token uses mlp 8 in layers 0, 2$/m)
  const everywhere = new Array(6).fill({ ids: [7], isApart: true })
  const deep = { ...mixture('mlp', new Array(6).fill(8), 2), routing: { always: everywhere } }
  assert.equal(alwaysLine({ config: { mixtures: [deep] } }), ['every token uses mlp 7 in layers 0 to 5'])
})

test('without colours a difference has signs, and its scale explains them', () => {
  const mixtures = [mixture('mlp', [24], 2)]
  const drawn = render([textOfShape('a.txt', mixtures, 3), textOfShape('b.txt', mixtures, 5)], { width: 100 })
  assert.match(drawn, /share in a\.txt less that in b\.txt: −100\.0 % ▼ - · \+ ▲ \+100\.0 %/)
  assert.match(drawn, /a\.txt against b\.txt\n.*\n.*\n {4}0 {2}· · · · ▲ · ▼ · /)
  assert.not.ok(drawn.includes('\x1b'))
})

test('a specialist’s tokens are named as far as they fit, with an ellipsis for the others', () => {
  const texts = [textOfShape('a.txt', SHAPES['6 layers'], 3), textOfShape('b.txt', SHAPES['6 layers'], 5)]
  const line = (width: number) =>
    render(texts, { width })
      .split('\n')
      .find((line) => line.includes('×'))
  assert.match(
    line(200) ?? '',
    /^ {2}layer 0, attention 4 {2}a\.txt {2}100\.0 % {2}0\.0 % .* lantern ×1 {2}·灯籠 ×1 {2}⏎ ×1/,
  )
  assert.match(line(76) ?? '', / lantern ×1 {2}·灯籠 ×1 …$/)
  assert.is(line(40), '    lantern ×1  ·灯籠 ×1  ⏎ ×1 …')
})

test('texts that are alike, or too short, have no specialists', () => {
  const same = textOfShape('a.txt', SHAPES['6 layers'], 3)
  assert.match(
    render([same, same], {}),
    /Most specialised experts: .* 3 standard errors\n {2}none: texts of this length could/,
  )
  const [short, other] = [textOfShape('a', SHAPES['6 layers'], 3, 2), textOfShape('b', SHAPES['6 layers'], 5, 2)]
  assert.match(render([short, other], {}), /none: texts of this length/)
})

test('lanes of tokens have names: kinds, and layer numbers above the experts', () => {
  const lines = render([textOfShape('b.txt', SHAPES['6 layers'], 3, 2)], {}, true).split('\n')
  const at = lines.indexOf('Tokens of b.txt')
  assert.equal(lines.slice(at + 2, at + 6), [
    '                attention           mlp',
    'token            0  1  2  3  4  5    0  1  2  3  4  5',
    'lantern          0  0  0  0  0  0    0  0  0  0  0  0',
    '·灯籠            0  0  0  0  0  0    0  0  0  0  0  0',
  ])
})

test('the maps of a figure have cells of one width, so that their columns are below one another', () => {
  const texts = [textOfShape('a.txt', SHAPES['24 layers'], 3), textOfShape('b.txt', SHAPES['24 layers'], 5)]
  for (const width of WIDTHS) {
    const lines = render(texts, { width, depth: 'truecolor' })
    const axes = stripVTControlCharacters(lines)
      .split('\n')
      .filter((line) => /^ *(layer|) +0 +4 /.test(line))
      .map((line) => line.replace(/ *(attn|bits).*$/, '').trimEnd())
    assert.is(new Set(axes).size, axes.length / 3, `${width}: ${axes.join('\n')}`)
  }
})

test('a figure shows only the layers, kinds and parts that were chosen, and its own title', () => {
  const texts = [textOfShape('a.txt', SHAPES['24 layers'], 3), textOfShape('b.txt', SHAPES['24 layers'], 5)]
  const some = drawUsage(texts, { layers: [20, 3], only: 'mlp', parts: ['map', 'tokens'], title: 'Mine' })
  const lines = renderText(some, { width: 100 }).split('\n')
  assert.is(lines[0], 'Mine')
  assert.equal(
    lines.filter((line) => /^ +\d+ {2}█/.test(line)).map((line) => line.trim().split(' ')[0]),
    ['3', '20', '3', '20'],
  )
  assert.not.ok(lines.some((line) => /attention|against|specialised|woke/.test(line)))
  assert.is(lines.filter((line) => line.endsWith('   3 20')).length, 2)
  const nothing = renderText(drawUsage(texts, { parts: ['map'], title: '' }), { width: 100 })
  assert.match(nothing, /^share of the tokens/)
})

test('layers, kinds and parts that a figure does not have are refused', () => {
  const [text] = [textOfShape('a.txt', SHAPES['48 layers with 128 MLP experts alone'], 3)]
  assert.throws(() => drawUsage([text], { layers: [3, 48] }), /`layers`: the model has layers 0 to 47, not 48/)
  assert.throws(() => drawUsage([text], { only: 'attention' }), /`only`: the model has no attention experts/)
  assert.throws(
    () => drawUsage([text], { parts: ['difference'] }),
    /`parts`: .* no difference; it has caption, map, committee, tokens/,
  )
})

test('the committee is a part that must be chosen, of the layers chosen', () => {
  const [text] = [textOfShape('a.txt', SHAPES['48 layers with 128 MLP experts alone'], 3)]
  const drawn = renderText(drawUsage([text], { parts: ['committee'], layers: [2, 5] }))
  assert.equal(
    drawn.split('\n').flatMap((line) => /^ {2}(layer \d+ mlp)/.exec(line)?.[1] ?? []),
    ['layer 2 mlp', 'layer 5 mlp'],
  )
})

test('on a dark terminal a weak cell outshines an empty one; a light terminal has another ramp', () => {
  const model = reader([mixture('mlp', [3], 1)], WORDS)
  const text = routedText('a', model, [...Array(20).keys()], (i) => ({ mlp: { ids: [i === 0 ? 1 : 0], gates: [1] } }))
  const coloured = (background: 'dark' | 'light') =>
    Array.from(
      renderText(drawUsage([text]), { depth: 'truecolor', background }).matchAll(/38;2;(\d+);(\d+);(\d+)m([█·])/g),
      ([, r, g, b, sign]) => ({ sign, light: 0.3 * Number(r) + 0.59 * Number(g) + 0.11 * Number(b) }),
    ).slice(-3)
  const [full, weak, empty] = coloured('dark')
  assert.equal([full.sign, weak.sign, empty.sign], ['█', '█', '·'])
  assert.ok(full.light > weak.light && weak.light > empty.light)
  const [fullOnLight, weakOnLight, emptyOnLight] = coloured('light')
  assert.ok(fullOnLight.light < weakOnLight.light && emptyOnLight.light > fullOnLight.light)
})

test.run()
