import { stripVTControlCharacters } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { TextRoutes } from '#molm/experts/text-routes.js'
import type { LayerRoutes, Mixture, ModelConfig } from '#molm/index.js'
import { textReport } from '#molm/pictures/text-report.js'
import { cellWidth } from '#molm/terminal/cell-width.js'

function mixture(kind: Mixture['kind'], layers: number, count: number, dense: number[] = []): Mixture {
  return { kind, experts: Array.from({ length: layers }, (_, l) => (dense.includes(l) ? 0 : count)), topK: 2 }
}

const SHAPES = {
  nano: [mixture('attention', 6, 8), mixture('mlp', 6, 16)],
  'MoLM-4B': [mixture('attention', 24, 16), mixture('mlp', 24, 32)],
  'MoLM-8B': [mixture('attention', 48, 16), mixture('mlp', 48, 32)],
  'MLP experts alone': [mixture('mlp', 48, 128, [0, 1])],
}

const WORDS = ['lantern', ' 灯籠', '\n', ' the longest of words that a tokenizer could have']
const textOf = (token: number) => WORDS[token % WORDS.length]

/** A text whose tokens choose the first expert and one more in each layer. */
function textOfShape(name: string, mixtures: Mixture[], second: number): TextRoutes {
  const tokens = [0, 1, 2, 3]
  const text = new TextRoutes(name, tokens, { config: { mixtures } as ModelConfig })
  const routes = mixtures[0].experts.map((_, layer) => {
    const present = mixtures.filter(({ experts }) => experts[layer] > 0)
    return Object.fromEntries(
      present.map(({ kind, experts }) => {
        const ids = Int32Array.from(tokens.flatMap(() => [0, 1 + (second % (experts[layer] - 1))]))
        return [kind, { ids, gates: Float32Array.from(ids, (id) => (id === 0 ? 0.5 : 0.25)) }]
      }),
    ) as LayerRoutes
  })
  text.add(routes, tokens.length)
  return text
}

for (const [name, mixtures] of Object.entries(SHAPES)) {
  const texts = [
    textOfShape('a text with a rather long name indeed.txt', mixtures, 3),
    textOfShape('code.js', mixtures, 6),
    textOfShape('b.txt', mixtures, 9),
  ]
  const report = (width: number | undefined, depth: 'none' | 'truecolor', count = texts.length) =>
    stripVTControlCharacters(
      textReport({ model: 'model', texts: texts.slice(0, count), textOf, perToken: true }, { depth, width }),
    )

  test(`a report on ${name} is no wider than its window`, () => {
    for (const depth of ['none', 'truecolor'] as const) {
      for (const width of [40, 47, 60, 79, 80, 100, 120, 160, 200]) {
        for (const count of [1, 2, 3]) {
          for (const line of report(width, depth, count).split('\n')) {
            assert.ok(cellWidth(line) <= width, `${width} ${depth}: ${cellWidth(line)}: ${line}`)
          }
        }
      }
    }
  })

  test(`a report on ${name} has a cell for every expert at any width`, () => {
    const experts = mixtures.reduce((sum, { experts }) => experts.reduce((a, b) => a + b, sum), 0)
    for (const width of [40, 80, 120, 200, undefined]) {
      const [map] = report(width, 'truecolor', 1).split('\n\n')
      // One is in the heading.
      const cells = map.replace(/[^█]/g, '').length - 1
      assert.ok(cells === experts || cells === 2 * experts, `${width}: ${cells} of ${experts}`)
    }
  })
}

test('a layer that takes several lines says which expert each begins with; a dense one says that it is one', () => {
  const text = textOfShape('b.txt', [mixture('mlp', 2, 128, [0])], 99)
  const report = textReport({ model: 'model', texts: [text], textOf, perToken: false }, { depth: 'none', width: 80 })
  assert.equal(report.split('\n').slice(2), [
    'mlp, 64 experts per line',
    `    ${[0, 8, 16, 24, 32, 40, 48].map((n) => String(n).padEnd(8)).join('')}56        bits  fair`,
    `  0 dense${' '.repeat(61)}   -     -`,
    `  1 █${' '.repeat(65)}1.00  0.02`,
    `+64 ${' '.repeat(36)}█${' '.repeat(27)}`,
    '',
  ])
})

test('numbers of experts stand above their cells, where the name of their kind leaves room', () => {
  const text = textOfShape('b.txt', SHAPES['MoLM-4B'], 9)
  const report = (width: number) =>
    textReport({ model: 'model', texts: [text], textOf, perToken: false }, { depth: 'none', width }).split('\n')
  const measures = 'entropy    fairness'
  const wide = `mlp${' '.repeat(13)}8${' '.repeat(15)}16${' '.repeat(14)}24`
  assert.is(report(200)[1], `layer  ${'attention       8       12'.padEnd(32)}  ${wide.padEnd(64)}  ${measures}`)
  assert.is(
    report(80)[2],
    `layer  ${'attention   12'.padEnd(16)}  ${'mlp     8       16      24'.padEnd(32)}  ${measures}`,
  )
  assert.is(report(60)[3], `   ${'0   4   8   12'.padEnd(16)}  bits  fair`)
})

test('of a specialist’s tokens as many are named as fit, and an ellipsis stands for the others', () => {
  const texts = [textOfShape('a.txt', SHAPES.nano, 3), textOfShape('b.txt', SHAPES.nano, 5)]
  const line = (width: number) =>
    textReport({ model: 'model', texts, textOf, perToken: false }, { depth: 'none', width })
      .split('\n')
      .find((line) => line.includes('×'))
  assert.match(
    line(200) ?? '',
    /^ {2}layer 0 attention 4 {2}a\.txt {2}100\.0 % {2}0\.0 % .* lantern ×1 {2}·灯籠 ×1 {2}⏎ ×1/,
  )
  assert.match(line(76) ?? '', / lantern ×1 {2}·灯籠 ×1 …$/)
  assert.is(line(40), '    lantern ×1  ·灯籠 ×1  ⏎ ×1 …')
})

test.run()
