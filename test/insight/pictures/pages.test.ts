import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { colourDepth, paint } from '#molm/ground/output/colours.js'
import type { Atlas } from '#molm/insight/atlas/atlas.js'
import type { Figure } from '#molm/insight/pictures/blocks/figure.js'
import { diverging, divergingOn, sequential, toHex } from '#molm/insight/pictures/blocks/palette.js'
import { renderHtml } from '#molm/insight/pictures/html/html.js'
import { drawAgreement } from '#molm/insight/pictures/kinds/agreement-figure.js'
import { drawUsage } from '#molm/insight/pictures/kinds/usage-figure.js'
import { renderSvg } from '#molm/insight/pictures/svg/svg.js'
import { renderText } from '#molm/insight/pictures/text/text.js'
import { compareRouting } from '#molm/insight/usage/agreement.js'
import { TextRoutes } from '#molm/insight/usage/text-routes.js'
import { tokensCsv } from '#molm/lab/commands/experts/csv.js'
import { codeOf, proseOf } from '../../support/prose-and-code.js'
import { integers } from '../../support/random.js'
import { mixture, reader, routedText } from '../../support/routed-text.js'
import { unpackedPage } from '../../support/unpacked-page.js'

const pageOf = (figure: Figure) => unpackedPage(renderHtml(figure))

const figure = drawUsage([proseOf(20), codeOf(20)], { tokens: true })

test('markup in tokens is escaped in svg and html', () => {
  for (const picture of [renderSvg(figure), pageOf(figure)]) {
    assert.not.ok(picture.includes('<b>'))
    assert.ok(picture.includes('&lt;b&gt;'))
  }
})

test('pictures use no external resources', () => {
  for (const picture of [renderSvg(figure), pageOf(figure)]) {
    assert.not.match(
      picture.replace('http://www.w3.org/2000/svg', ''),
      /https?:|src=|href=|@import|url\(|\bimport\b.*'/,
    )
  }
})

test('on a page the texts come first, then their comparison', () => {
  const page = pageOf(figure)
  const places = ['id="text-0"', 'id="text-1"', 'prose against code', 'Most specialised experts'].map((part) =>
    page.indexOf(part),
  )
  assert.ok(
    places.every((place, i) => place > (places[i - 1] ?? 0)),
    String(places),
  )
})

test('on a page all maps have the same width, and cells of one size', () => {
  const [page] = pageOf(drawUsage([proseOf(), codeOf()])).split('<summary>Numbers')
  const boxes = Array.from(page.matchAll(/<svg viewBox="0 0 (\d+) /g), ([, width]) => width)
  assert.is(boxes.length, 3)
  assert.is(new Set(boxes).size, 1)
})

test('pictures measure gates against the largest possible one, and pages list the experts of all tokens last', () => {
  const always = [{ ids: [2], isApart: true }]
  const model = reader([{ ...mixture('mlp', [3], 2), routing: { factor: 2, always } }], ['a'])
  const text = routedText('text', model, [0], () => ({ mlp: { ids: [2, 0], gates: [2, 1] } }))
  const drawn = drawUsage([text], { tokens: true })
  const svg = renderSvg(drawn)
  assert.match(svg, new RegExp(`fill="${toHex(sequential(1))}"><title>a: layer 0, mlp expert 2, gate 2.000`))
  assert.match(svg, new RegExp(`fill="${toHex(sequential(0.625))}"><title>a: layer 0, mlp expert 0, gate 1.000`))
  const page = pageOf(drawn)
  assert.match(page, /data-largest-gate="2"/)
  const [, data] = /<script type="application\/json">(.*?)<\/script>/.exec(page) ?? []
  assert.equal(JSON.parse(data), [
    [
      [
        [0, 2],
        [100, 200],
      ],
    ],
  ])
})

test('a model without attention experts, or with a layer without experts, is shown correctly', () => {
  const model = reader([mixture('mlp', [0, 3], 1)], ['<b>', ' "x'])
  const text = routedText('sparse', model, [0, 1], (i) => ({ mlp: { ids: [2 - i], gates: [0.5 / (i + 1)] } }))
  const all = drawUsage([text, text], { tokens: true })
  const csv = [...tokensCsv([text])].join('')
  const markup = pageOf(all).replace(/<script type="module">.*?<\/script>/gs, '')
  for (const picture of [renderText(all), renderSvg(all), markup, csv]) {
    assert.not.match(picture, /attention|undefined|NaN|Infinity/)
  }
  for (const picture of [renderText(all), renderSvg(all)]) assert.match(picture, /dense/)
  assert.is(renderSvg(all).match(/<rect [^>]*data-expert="mlp 1 /g)?.length, 3 * 3)
  assert.equal(csv.split('\n').slice(1, 3), ['sparse,0,0,<b>,1,mlp,0,2,0.5', 'sparse,1,1," ""x",1,mlp,0,1,0.25'])
  const [, data] = /<script type="application\/json">(.*?)<\/script>/.exec(pageOf(all)) ?? []
  assert.equal(JSON.parse(data)[0], [
    [[], []],
    [[2], [50]],
  ])
})

test('html keeps the line breaks and indentation of the text', () => {
  const model = reader([mixture('mlp', [1], 1)], ['if\t(x) {', '\n    ', 'return\n\n}'])
  const text = routedText('code', model, [0, 1, 0, 2], () => ({ mlp: { ids: [0], gates: [1] } }))
  const [, tokens] = /<div class="tokens">(.+?)<\/div>/s.exec(pageOf(drawUsage([text]))) ?? []
  const shown = [...tokens.matchAll(/<span[^>]*>([^<]*)<\/span>/g)].map(([, text]) => text)
  assert.equal(shown, ['if⇥(x) {', '⏎\n    ', 'if⇥(x) {', 'return⏎\n⏎\n}'])
})

test('a page of two models marks the tokens that they route differently', () => {
  const model = reader([mixture('mlp', [2], 1)], ['same', 'other'])
  const read = (second: number) =>
    routedText('text', model, [0, 1], (i) => ({ mlp: { ids: [i === 0 ? 0 : second], gates: [1] } }))
  const page = pageOf(drawAgreement([compareRouting(read(0), read(1))]))
  assert.match(page, /<span title="100\.0 % in common" style="[^"]*var\(--more\) 0%[^"]*">same<\/span>/)
  assert.match(page, /<span title="0\.0 % in common" style="[^"]*var\(--more\) 100%[^"]*">other<\/span>/)
})

test('HTML has the routes of each token', () => {
  const [, data] = /<script type="application\/json">(.*?)<\/script>/.exec(pageOf(figure)) ?? []
  assert.equal(JSON.parse(data)[1], [[[0], [50], [0], [50]]])
})

test('a page with 500 tokens of 24 layers, each with 8 of 32 experts, has less than 400 kB', () => {
  const [tokens, layers, experts, topK] = [500, 24, 32, 8]
  const text = new TextRoutes('talk', integers(tokens, 1, 40), {
    ...reader([mixture('mlp', Array(layers).fill(experts), topK)], [' lantern', 's', '.']),
  })
  const routes = Array.from({ length: layers }, (_, layer) => {
    const first = integers(tokens * topK, 2 + layer, experts / topK)
    const ids = Int32Array.from(first, (id, i) => id + (experts / topK) * ((i * 5) % topK))
    return { mlp: { ids, gates: Float32Array.from(integers(tokens * topK, 40 + layer, 250), (gate) => gate / 1000) } }
  })
  text.add(routes, tokens)
  const name = 'arithmetic: "=" "+" "5"'
  const atlas = { entries: { mlp: Array(layers).fill(Array(experts).fill({ name, share: 0, tokens: [], texts: [] })) } }
  const words = integers(10, 3, 1000).map((token) => ({ token, value: 1 }))
  const spoken = Array.from({ length: layers * topK }, (_, i) => {
    return {
      kind: 'mlp' as const,
      layer: i % layers,
      expert: i % experts,
      gate: 0.1,
      share: 0.1,
      up: words,
      down: words,
    }
  })
  const model = { ...text.model, textOf: (token: number) => ` word ${token}` }
  const lenses = [4, 40].map((token) => ({ text, token, lens: { model, experts: spoken } }))
  const page = renderHtml({ ...drawUsage([text], { atlas: atlas as unknown as Atlas }), lenses })
  assert.ok(page.length < 400_000, String(page.length))
  assert.ok(unpackedPage(page).length > 2 * page.length)
})

test('the ramps go from dark to bright, and from blue to orange', () => {
  const brightness = (at: number) => sequential(at).reduce((sum, channel) => sum + channel)
  for (let i = 0; i < 10; i++) assert.ok(brightness(i / 10) < brightness((i + 1) / 10))
  const [red, , blue] = diverging(-1)
  assert.ok(blue > red)
  assert.ok(diverging(1)[0] > diverging(1)[2])
  assert.equal(sequential(7), sequential(1))
})

test('256 terminal colours of differences are exactly colours of the cube, so none is replaced', () => {
  assert.equal(
    [-1, -0.5, 0.5, 1].map((by) => paint('x', divergingOn('256', by), '256')),
    [68, 67, 137, 172].map((number) => `\x1b[38;5;${number}mx\x1b[39m`),
  )
})

test('the colour depth is the terminal’s, or none if colours are off', () => {
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

test('FORCE_COLOR colours a pipe, unless NO_COLOR is set', () => {
  assert.is(colourDepth({}, { FORCE_COLOR: '1', TERM: 'xterm-256color' }), '256')
  assert.is(colourDepth({}, { FORCE_COLOR: '1', TERM: 'xterm' }), '16')
  assert.is(colourDepth({}, { FORCE_COLOR: '3', TERM: 'xterm' }), 'truecolor')
  assert.is(colourDepth({ isTTY: true }, { FORCE_COLOR: '0', TERM: 'xterm' }), 'none')
  assert.is(colourDepth({}, { FORCE_COLOR: '1', NO_COLOR: '1', TERM: 'xterm' }), 'none')
})

test.run()
