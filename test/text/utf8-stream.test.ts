import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Utf8Stream } from '#molm/text/utf8-stream.js'

const TEXT = '\ufeffa é \u0000 日本 😀👨‍👩‍👧 \uffff\u{10ffff}z'
const BYTES = new TextEncoder().encode(TEXT)

const isWhole = (text: string) => !/[\ud800-\udfff]/u.test(text)

test('a text cut in two at any byte comes out whole, in whole characters', () => {
  for (let cut = 0; cut <= BYTES.length; cut++) {
    const stream = new Utf8Stream()
    const first = stream.push(BYTES.subarray(0, cut))
    assert.ok(TEXT.startsWith(first) && isWhole(first), `cut at ${cut}`)
    assert.is(first + stream.push(BYTES.subarray(cut)), TEXT)
    assert.is(stream.flush(), '')
  }
})

test('bytes that come one by one give each character with its last byte', () => {
  const stream = new Utf8Stream()
  const pieces = Array.from(BYTES, (byte) => stream.push(Uint8Array.of(byte)))
  assert.equal(
    pieces.filter((piece) => piece !== ''),
    [...TEXT],
  )
})

test('a text that ends inside a character ends in one U+FFFD', () => {
  for (const character of ['é', '日', '😀']) {
    const bytes = new TextEncoder().encode(character)
    for (let length = 1; length < bytes.length; length++) {
      const stream = new Utf8Stream()
      assert.is(stream.push(bytes.subarray(0, length)), '')
      assert.is(stream.flush(), '\ufffd')
      assert.is(stream.flush(), '')
    }
  }
})

test('invalid bytes turn into U+FFFD, wherever the text is cut, and what follows is unharmed', () => {
  const bytes = Uint8Array.of(0x61, 0xff, 0x62, 0xe6, 0x97, 0x63, 0x80, 0xf0, 0x9f, 0x64, 0xc3, 0xa9)
  const expected = 'a\ufffdb\ufffdc\ufffd\ufffddé'
  for (let cut = 0; cut <= bytes.length; cut++) {
    const stream = new Utf8Stream()
    const text = stream.push(bytes.subarray(0, cut)) + stream.push(bytes.subarray(cut)) + stream.flush()
    assert.is(text, expected, `cut at ${cut}`)
  }
})

test('takes another text after a flush', () => {
  const stream = new Utf8Stream()
  stream.push(Uint8Array.of(0xe6, 0x97))
  stream.flush()
  assert.is(stream.push(new TextEncoder().encode('é')), 'é')
})

test.run()
