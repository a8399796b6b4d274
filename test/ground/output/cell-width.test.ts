import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { cellWidth, graphemes } from '#molm/ground/output/cell-width.js'
import { cut, wrap, wrapTail } from '#molm/ground/output/wrap.js'
import { integers } from '../../support/random.js'

const PIECES = 'a| |名|か|「|e\u0301|👍🏽|👩‍👩‍👧|🇨🇭|🇨|\u0301|한|각|\ufffd|❤️|\u200d|é'.split('|')

test('long texts are split into the same characters as by a segmenter, in a time that grows with the text', () => {
  const segmenter = new Intl.Segmenter()
  for (let seed = 1; seed <= 20; seed++) {
    const text = integers(700, seed, PIECES.length)
      .map((n) => PIECES[n])
      .join('')
    const expected = Array.from(segmenter.segment(text), ({ segment }) => segment)
    assert.equal(graphemes(text), expected)
    assert.is(
      cellWidth(text),
      expected.reduce((sum, one) => sum + cellWidth(one), 0),
    )
  }
  assert.is(cellWidth('名前「」かな한글\ufffd'), 17)
  // A text of a million such characters took minutes as one.
  assert.is(cellWidth('名👍🏽'.repeat(50_000)), 200_000)
})

test('characters have the columns that a terminal gives them, also if a script joins many of them', () => {
  const widths = { é: 1, '👩‍👩‍👧': 2, '❤️': 2, 각: 2, क्ष: 2, น้ำ: 2, '\u{17000}': 2, '\u2329': 2, '\u200b': 1 }
  for (const [text, width] of Object.entries(widths)) assert.is(cellWidth(text), width, text)
  // Each is a single character to a segmenter.
  assert.is(cellWidth('क्'.repeat(1000)), 1000)
  assert.is(cellWidth('👩\u200d'.repeat(1000)), 2000)
})

test('long words are cut into pieces of the width, with nothing lost', () => {
  for (const text of ['x'.repeat(100), `${'x'.repeat(50)}é`, '名'.repeat(33), 'ab', '']) {
    for (const width of [1, 2, 7, 10, 50, 100]) {
      const pieces = cut(text, width)
      assert.is(pieces.join(''), text)
      for (const piece of pieces.slice(0, -1)) assert.ok(cellWidth(piece) <= Math.max(2, width))
    }
  }
  assert.equal(cut('abcdef', 3), ['abc', 'def'])
  assert.equal(cut('abcdefg', 3), ['abc', 'def', 'g'])
})

test('the end of a text is wrapped as the whole is, apart from lines of thousands of characters', () => {
  const text = `${'some words of a line '.repeat(20)}\n\nshort\n${'more '.repeat(100)}`
  const whole = wrap(text, 30)
  for (const count of [1, 3, 20, 100]) assert.equal(wrapTail(text, 30, count).slice(-count), whole.slice(-count))
  const long = 'words and more '.repeat(2000)
  const tail = wrapTail(long, 30, 10)
  assert.ok(tail.length >= 10 && tail.length < 400)
  assert.ok(long.replaceAll(' ', '').endsWith(tail.join('').replaceAll(' ', '')))
})

test.run()
