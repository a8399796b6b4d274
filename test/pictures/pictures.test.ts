import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { findSpecialists, preference } from '#molm/experts/comparison.js'
import { usageCsv } from '#molm/experts/csv.js'
import { type ReportInput, TextRoutes } from '#molm/experts/text-routes.js'
import type { LayerRoutes, MixtureKind } from '#molm/index.js'
import { htmlReport } from '#molm/pictures/html.js'
import { diverging, sequential } from '#molm/pictures/palette.js'
import { svgReport } from '#molm/pictures/svg.js'
import { textReport } from '#molm/pictures/text-report.js'
import { colourDepth, paint } from '#molm/terminal/colours.js'
import { routesOf } from '../support/routes.js'

const config = {
  mixtures: [
    { kind: 'attention', experts: [2] },
    { kind: 'mlp', experts: [3] },
  ],
} as ConstructorParameters<typeof TextRoutes>[2]['config']
const TOKENS = ['<b>', ' "x', '\n']
const textOf = (token: number) => TOKENS[token]

/** A text whose tokens choose one attention expert and one MLP expert each. */
function textOfChoices(
  name: string,
  choices: { token: number; attention: number; mlp: number; gate: number }[],
): TextRoutes {
  const text = new TextRoutes(
    name,
    choices.map(({ token }) => token),
    { config },
  )
  const gates = Float32Array.from(choices, ({ gate }) => gate)
  const kind = (of: MixtureKind) => ({ ids: Int32Array.from(choices, (choice) => choice[of]), gates })
  const layer: LayerRoutes = { attention: kind('attention'), mlp: kind('mlp') }
  text.add([layer], choices.length)
  return text
}

const prose = textOfChoices('prose', [
  { token: 0, attention: 0, mlp: 0, gate: 0.25 },
  { token: 1, attention: 0, mlp: 0, gate: 0.5 },
  { token: 0, attention: 1, mlp: 1, gate: 0.75 },
  { token: 2, attention: 0, mlp: 0, gate: 0.125 },
])
const code = textOfChoices('code', [
  { token: 2, attention: 0, mlp: 2, gate: 0.5 },
  { token: 2, attention: 1, mlp: 2, gate: 0.5 },
])
const input = { model: 'small', texts: [prose, code], textOf, perToken: true }

const csvOf = (report: ReportInput) => [...usageCsv(report)].join('')

test('a token’s routes are those it was added with', () => {
  assert.equal([...routesOf(prose.at(2)[0], 'mlp').ids], [1])
  assert.equal([...routesOf(prose.at(1)[0], 'attention').gates], [0.5])
})

test('the preference of a text for an expert is its share less the mean share elsewhere', () => {
  assert.is(preference([prose, code], 0, { kind: 'mlp', layer: 0, expert: 0 }), 0.75)
  assert.is(preference([prose, code], 1, { kind: 'attention', layer: 0, expert: 1 }), 0.25)
})

test('specialists come in order of preference, with the tokens that give them most gate mass', () => {
  const [first, second] = findSpecialists([prose, code], 2)
  assert.equal(first, {
    kind: 'mlp',
    layer: 0,
    expert: 2,
    text: 1,
    share: 1,
    elsewhere: 0,
    tokens: [{ token: 2, count: 2, gateMass: 1 }],
  })
  assert.is(second.expert, 0)
  assert.equal(
    second.tokens.map(({ token }) => token),
    [1, 0, 2],
  )
})

test('the csv of tokens has a row a token, layer and expert, quoted where a field needs it', () => {
  const lines = csvOf(input).split('\n')
  assert.is(lines[0], 'text_name,index,token,text,layer,kind,rank,expert,gate')
  assert.is(lines[3], 'prose,1,1," ""x",0,attention,0,0,0.5')
  assert.is(lines.filter((line) => /^(prose|code),/.test(line)).length, 6 * 2)
})

test('the csv of usage has a row an expert', () => {
  const lines = csvOf({ ...input, perToken: false })
    .trimEnd()
    .split('\n')
  assert.is(lines.length, 1 + 2 * 5)
  assert.ok(lines[3].startsWith('prose,0,mlp,0,3,0.75,0.875,'), lines[3])
})

test('the report without colour has no escapes and shows more use with more ink', () => {
  const report = textReport(input, { depth: 'none' })
  assert.not.ok(report.includes('\x1b'))
  assert.match(report, /0 {2}██░░ {7}██░░/)
  assert.match(report, /prose against code/)
  assert.match(report, /layer 0 mlp 2 +code +100\.0 % +0\.0 % +⏎ ×2/)
})

test('markup in tokens is escaped in svg and html', () => {
  for (const picture of [svgReport(input), htmlReport(input)]) {
    assert.not.ok(picture.includes('<b>'))
    assert.ok(picture.includes('&lt;b&gt;'))
  }
})

test('pictures refer to nothing outside of themselves', () => {
  for (const picture of [svgReport(input), htmlReport(input)]) {
    assert.not.match(picture.replace('http://www.w3.org/2000/svg', ''), /https?:|src=|href=|@import|url\(/)
  }
})

test('a model without attention experts and with a layer without any is shown as it is', () => {
  const shape = { mixtures: [{ kind: 'mlp', experts: [0, 3] }] } as typeof config
  const text = new TextRoutes('sparse', [0, 1], { config: shape })
  text.add([{}, { mlp: { ids: Int32Array.of(2, 1), gates: Float32Array.of(0.5, 0.25) } }], 2)
  const all = { ...input, texts: [text, text] }
  for (const picture of [textReport(all, { depth: 'none' }), svgReport(all), htmlReport(all), csvOf(all)]) {
    assert.not.match(picture, /attention|undefined|NaN|Infinity/)
  }
  for (const picture of [textReport(all, { depth: 'none' }), svgReport(all)]) assert.match(picture, /dense/)
  assert.is(svgReport(all).match(/<rect [^>]*data-expert="mlp 1 /g)?.length, 3 * 3)
  assert.equal(csvOf(all).split('\n').slice(1, 3), ['sparse,0,0,<b>,1,mlp,0,2,0.5', 'sparse,1,1," ""x",1,mlp,0,1,0.25'])
  const [, data] = /<script type="application\/json">(.*?)<\/script>/.exec(htmlReport(all)) ?? []
  assert.equal(JSON.parse(data)[0], [
    [[], []],
    [[2], [500]],
  ])
})

test('html shows lines and their indentation as they are in the text', () => {
  const indented = { ...input, textOf: (token: number) => ['if\t(x) {', '\n    ', 'return\n\n}'][token] }
  const [, tokens] = /<div class="tokens">(.+?)<\/div>/s.exec(htmlReport(indented)) ?? []
  const shown = [...tokens.matchAll(/<span[^>]*>([^<]*)<\/span>/g)].map(([, text]) => text)
  assert.equal(shown, ['if⇥(x) {', '⏎\n    ', 'if⇥(x) {', 'return⏎\n⏎\n}'])
})

test('html carries the routes of each token', () => {
  const [, data] = /<script type="application\/json">(.*?)<\/script>/.exec(htmlReport(input)) ?? []
  assert.equal(JSON.parse(data)[1], [[[0], [500], [0], [500]]])
})

test('the ramps go from dark to bright, and from blue to orange', () => {
  const brightness = (at: number) => sequential(at).reduce((sum, channel) => sum + channel)
  for (let i = 0; i < 10; i++) assert.ok(brightness(i / 10) < brightness((i + 1) / 10))
  const [red, , blue] = diverging(-1)
  assert.ok(blue > red)
  assert.ok(diverging(1)[0] > diverging(1)[2])
  assert.equal(sequential(7), sequential(1))
})

test('colour goes as deep as the terminal says, and not at all where it is unwanted', () => {
  const terminal = { isTTY: true }
  assert.is(colourDepth(terminal, { TERM: 'xterm-256color', COLORTERM: 'truecolor' }), 'truecolor')
  assert.is(colourDepth(terminal, { TERM: 'xterm-256color' }), '256')
  assert.is(colourDepth(terminal, { TERM: 'xterm' }), '16')
  assert.is(colourDepth(terminal, { TERM: 'xterm-256color', NO_COLOR: '1' }), 'none')
  assert.is(colourDepth(terminal, { TERM: 'dumb' }), 'none')
  assert.is(colourDepth({}, { TERM: 'xterm-256color' }), 'none')
  assert.is(paint('x', [254, 232, 56], 'truecolor'), '\x1b[38;2;254;232;56mx\x1b[39m')
  assert.is(paint('x', [255, 0, 0], '256'), '\x1b[38;5;196mx\x1b[39m')
  assert.is(paint('x', [254, 232, 56], '16'), '\x1b[93mx\x1b[39m')
  assert.is(paint('x', [0, 34, 78], '16'), '\x1b[34mx\x1b[39m')
  assert.is(paint('x', [0, 34, 78], 'none'), 'x')
})

test.run()
