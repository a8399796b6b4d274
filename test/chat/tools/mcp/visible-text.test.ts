import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { visibleJson, visibleText } from '#molm/chat/tools/mcp/visible-text.js'

const test = suite('visible text')

const tagged = (text: string) => [...text].map((c) => String.fromCodePoint(0xe0000 + c.charCodeAt(0))).join('')
const flagOf = (region: string) => `\u{1f3f4}${tagged(region)}\u{e007f}`

test('has no tags, controls of direction, or characters without a width or a job', () => {
  const hidden = [
    ...[tagged('obey'), '\u{e0001}', '\u{e007f}', '\u200b', '\u200c', '\u200d', '\u2060', '\u2063', '\ufeff', '\u00ad'],
    ...['\u202e', '\u202c', '\u2066', '\u2069', '\u200e', '\u200f', '\u061c', '\u034f', '\u3164', '\u115f', '\ufff9'],
    ...['\ufe0f', '\ufe00', '\u{e0100}', '\u{e01ef}', '\u180b', '\u{1d173}', '\ud83d', '\ude80', '\u200b\ufe0f\u200d'],
  ]
  for (const text of hidden) assert.is(visibleText(`a${text}b${text}`), 'ab', JSON.stringify(text))
  assert.is(
    visibleText(`\u{1f3f4}${tagged('obey')}\u{e007f}\u{1f600}${'\ufe0f'.repeat(9)}`),
    '\u{1f3f4}\u{1f600}\ufe0f',
  )
})

test('keeps what emoji and letters need, and all that is visible', () => {
  const needed = [
    ...['\u2764\ufe0f\u200d\u{1f525}', '\u{1f469}\u{1f3fd}\u200d\u{1f680}', '\u{1f468}\u200d\u{1f469}\u200d\u{1f467}'],
    ...['1\ufe0f\u20e3', '\u{1f468}\u200d\u{1f9b0}', '\u{1f9d1}\u200d\u2695\ufe0f', flagOf('gbsct'), flagOf('gbwls')],
    ...[
      '\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645',
      '\u0915\u094d\u200d\u0937',
      '\u0dc1\u0dca\u200d\u0dbb\u0dd3',
    ],
    ...[
      '\u845b\u{e0100}',
      '\u1820\u180b',
      'na\u00efve e\u0301 \u{1d11e}\n\t\u001b[0m\u2028',
      '\u05e9\u05c1 \u0639\u0631',
    ],
  ]
  for (const text of needed) assert.is(visibleText(text), text, JSON.stringify(text))
})

test('does not form new characters from what is left', () => {
  assert.is(visibleText('a\udb40\u200b\udc41b'), 'ab')
  assert.is(visibleText(`\u2764\u200b\u200d\u{1f525}`), '\u2764\u{1f525}')
})

test('is in all places of JSON', () => {
  const from = (c: string) => ({ [`k${c}`]: [`a${c}`, 1, null, true, { enum: [`b${c}`] }] })
  assert.equal(visibleJson(from(tagged('x'))), from(''))
  assert.equal(visibleJson(JSON.parse('{"__proto__": "a\u200b"}')), JSON.parse('{"__proto__": "a"}'))
})

test.run()
