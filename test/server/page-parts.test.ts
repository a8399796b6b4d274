import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { RoutedToken } from '#molm/api/wire.js'
import { alwaysLine } from '#molm/insight/pictures/kinds/caption.js'
import { largestGate } from '#molm/model/config/routing.js'
import { JsonLayout, laidOut } from '#molm/page/elements/json-layout.js'
import { GrowingText } from '#molm/page/markdown/growing-text.js'
import { allowedAddress } from '#molm/page/markdown/markdown-inlines.js'
import { readEvents } from '#molm/page/requests/events.js'
import { Pieces, piecesOf, type TextPiece } from '#molm/page/requests/pieces.js'
import { layerRoutes, type PageModel, pageModel } from '#molm/page/requests/routes.js'
import { pageRoutes } from '#molm/server/page/page.js'
import { thrownBy } from '../support/rejects.js'

const tokens = (...texts: string[]): TextPiece[] => texts.map((text, token) => ({ text, token }))

test('each token has its piece of the text, even if text was held back', () => {
  const pieces = new Pieces()
  assert.equal(pieces.add('A', [{ text: 'A', token: 0 }]), [{ text: 'A', token: 0 }])
  assert.equal(pieces.add('', [{ text: ' lan', token: 1 }]), [])
  assert.equal(pieces.add(' lantern', [{ text: 'tern', token: 2 }]), [
    { text: ' lan', token: 1 },
    { text: 'tern', token: 2 },
  ])
})

test('tokens that share a character have one piece', () => {
  const pieces = new Pieces()
  assert.equal(pieces.add('', [{ text: '\ufffd', token: 4 }]), [])
  assert.equal(pieces.add('é', [{ text: '\ufffd', token: 5 }]), [{ text: 'é', token: 4 }])
})

test('special tokens and blanks before a text have no piece', () => {
  const pieces = new Pieces()
  assert.equal(pieces.add('', tokens('</think>')), [])
  assert.equal(pieces.add('', [{ text: '\n\n', token: 1 }]), [])
  assert.equal(pieces.add('Yes', [{ text: ' Yes', token: 2 }]), [{ text: 'Yes', token: 2 }])
  assert.equal(pieces.add(', it', [{ text: ', it is', token: 3 }]), [])
  assert.equal(pieces.add(' is', []), [{ text: ', it is', token: 3 }])
})

test('the rest of a token whose text is partly held back comes later', () => {
  const pieces = new Pieces()
  assert.equal(pieces.add('one', tokens('<x>', 'one#')), [{ text: 'one', token: 1 }])
  assert.equal(pieces.add('#', []), [{ text: '#', token: 1 }])
})

test('JSON is set out in lines, however it is cut', () => {
  const value = { a: [1, { b: 'x, {y}: [\\" ', c: [] }], d: {}, e: [[], null, -1.5e3], 'f"': true }
  const text = JSON.stringify(value)
  const lines = JSON.stringify(value, null, 2)
  for (let size = 1; size <= text.length; size += 3) {
    const layout = new JsonLayout()
    let out = ''
    for (let i = 0; i < text.length; i += size) out += layout.add(text.slice(i, i + size))
    assert.is(out, lines)
  }
  assert.is(laidOut(lines), lines)
  assert.is(laidOut('{"a":1'), undefined)
})

test('deep JSON does not become wide, and text that is no JSON does no harm', () => {
  const deep = new JsonLayout().add('['.repeat(10_000))
  assert.ok(deep.length < 10_000 * 50)
  assert.is(new JsonLayout().add(']]}}'), '\n]\n]\n}\n}')
})

test('text that differs from its token is shown unchanged, and so is the rest at the end', () => {
  const pieces = new Pieces()
  assert.equal(pieces.add('The', [{ text: ' The', token: 0 }]), [{ text: 'The', token: 0 }])
  assert.equal(pieces.add('', [{ text: '</s>', token: 1 }]), [])
  assert.equal(pieces.end(), [])
  assert.equal(new Pieces().add('tail', []), [{ text: 'tail', token: -1 }])
})

test('addresses that a link may have', () => {
  const allowed = ['http://a.b/', 'https://a.b/x', 'mailto:a@b.c']
  for (const address of allowed) assert.is(allowedAddress(address), address)
  assert.is(allowedAddress('<https://a.b/c d>'), 'https://a.b/c%20d')
  assert.is(allowedAddress('https://a.b/\\(c\\)?d&amp;e'), 'https://a.b/(c)?d&e')
  for (const address of [
    'javascript:x',
    ' java\nscript:x',
    'file:///etc/passwd',
    'blob:http://a.b/1',
    '//a.b',
    'x',
    '',
  ]) {
    assert.is(allowedAddress(address), undefined, address)
  }
})

test('a page knows the experts that every token uses, and the largest possible gate', () => {
  const meta = { quant: 'q4', chat_template: false, experts: { mlp: [3] }, experts_per_token: { mlp: 2 } } as const
  const card = { ...meta, experts: { mlp: [3] }, always_chosen: { mlp: [[2]] }, gate_factor: { mlp: 2.5 } }
  const { config } = pageModel({ id: 'm', meta: card })
  assert.equal(alwaysLine({ config }), ['every token uses mlp 2 in layer 0'])
  assert.is(largestGate(config.mixtures), 2.5)
  assert.is(largestGate(pageModel({ id: 'm', meta: { ...meta, experts: { mlp: [3] } } }).config.mixtures), 1)
})

test('the last occurrence of a question in its prompt is found', () => {
  const prompt = tokens('User: a', ' b', '\n', 'User: a', ' b!', ' c')
  assert.equal(piecesOf('a b', prompt), [
    { text: 'a', token: 3 },
    { text: ' b', token: 4 },
  ])
  assert.is(piecesOf('x', prompt), undefined)
})

function stream(...parts: string[]): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  return new ReadableStream({
    start(controller) {
      for (const part of parts) controller.enqueue(encoder.encode(part))
      controller.close()
    },
  })
}

async function all(...parts: string[]): Promise<unknown[]> {
  const events = []
  for await (const event of readEvents(stream(...parts))) events.push(event)
  return events
}

test('events are complete however they were cut, and comments are not events', async () => {
  assert.equal(await all('data: {"a"', ':1}\n', '\n: still working\n\ndata: {"a":2}\n\ndata: [DONE]\n\n'), [
    { a: 1 },
    { a: 2 },
  ])
})

test('a stream that breaks off, or reports an error, is an error', async () => {
  assert.match(String(await thrownBy(all('data: {"a":1}\n\n'))), /the server went away/)
  const event = 'data: {"error":{"message":"the model is gone"}}\n\n'
  assert.match(String(await thrownBy(all(event))), /the model is gone/)
})

const CARD = {
  id: 'small',
  meta: {
    quant: 'q4' as const,
    chat_template: true,
    experts: { mlp: [0, 3], attention: [2, 2] },
    experts_per_token: { attention: 1, mlp: 2 },
    newcomers: { mlp: [[], [2]] },
  },
}

test('the page knows the kinds of experts in the order of the model', () => {
  const { config } = pageModel(CARD)
  assert.equal(config.mixtures, [
    { kind: 'attention', experts: [2, 2], topK: 1, newExperts: undefined },
    { kind: 'mlp', experts: [0, 3], topK: 2, newExperts: [[], [2]] },
  ])
})

test('experts from the API count as usage, and each token has its own', () => {
  const model: PageModel = pageModel(CARD)
  const text = new GrowingText('text', model)
  for (let i = 0; i < 15; i++) {
    const first = { layer: 0, attention: { ids: [i % 2], gates: [0.5] } }
    const second = {
      layer: 1,
      attention: { ids: [1], gates: [0.25] },
      mlp: { ids: [i % 3, (i + 1) % 3], gates: [0.5, 0.25] },
    }
    const token: RoutedToken = { token: i % 7, text: `t${i % 7}`, experts: [first, second] }
    text.append(token, layerRoutes(token, model))
  }
  const { usage } = text
  assert.is(usage.tokens, 15)
  assert.equal([...usage.of('attention', 0).counts], [8, 7])
  assert.equal([...usage.of('mlp', 1).counts], [10, 10, 10])
  assert.is(usage.of('mlp', 1).gateMass[0], 5 * 0.75)
  assert.is(text.model.textOf(3), 't3')
  assert.equal([...(text.chosen(13, 1, 'mlp')?.ids ?? [])], [13 % 3, 14 % 3])
})

test('the page may load only its own files, and a browser that has it need not load it again', async () => {
  const page = pageRoutes()
  const answer = await page.request('/')
  assert.is(answer.status, 200)
  const policy = answer.headers.get('Content-Security-Policy') ?? ''
  assert.match(policy, /default-src 'none'/)
  assert.not.match(policy, /unsafe|https?:|\*/)
  const html = await answer.text()
  assert.not.match(html, /https?:|<script>|style=|\son\w+=/)
  const files = Array.from(html.matchAll(/(?:href|src)="(page\/[^"]+)"/g), ([, path]) => path)
  assert.ok(files.includes('page/app.js'))
  for (const file of files) assert.is((await page.request(`/${file}`)).status, 200, file)
  const known = { headers: { 'If-None-Match': answer.headers.get('ETag') ?? '' } }
  assert.is((await page.request('/', known)).status, 304)
})

test('only files of the page are served', async () => {
  const page = pageRoutes()
  for (const path of ['page/main.js', 'page/../package.json', 'page/%2e%2e/package.json', 'page/x']) {
    assert.is((await page.request(`/${path}`)).status, 404, path)
  }
})

test.run()
