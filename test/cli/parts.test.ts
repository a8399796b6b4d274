import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parseSize, wholeNumber } from '#molm/cli/options.js'
import { joinPrompt } from '#molm/cli/stdin.js'
import { alignColumns } from '#molm/cli/table.js'
import { UsageError } from '#molm/errors.js'
import { layersOf } from '#molm/experts/layers-json.js'
import { AnswerText } from '#molm/text/answer-text.js'

test('sizes are read in units of 1000 and of 1024', () => {
  const sizes = {
    '1GiB': 2 ** 30,
    '800MB': 8e8,
    '1.5gib': 1.5 * 2 ** 30,
    '64 MiB': 2 ** 26,
    '2k': 2048,
    '1073741824': 2 ** 30,
  }
  for (const [text, bytes] of Object.entries(sizes)) assert.is(parseSize('--memory', text), bytes, text)
  for (const text of ['', '0', '-1GB', '1XB', 'GiB', '1e3', '9e99GB', 'constructor']) {
    assert.throws(
      () => parseSize('--memory', text),
      (error: unknown) => error instanceof UsageError,
      text,
    )
  }
})

test('whole numbers are taken in decimal notation only', () => {
  const parse = wholeNumber('--count', 1)
  assert.is(parse('12'), 12)
  for (const text of ['', ' ', '0', '-3', '1.5', '0x10', 'Infinity', 'twelve']) {
    assert.throws(() => parse(text), /--count must be a whole number from 1 on/, text)
  }
})

test('piped text comes before the arguments, and either may be alone', () => {
  assert.is(joinPrompt(['piped'], ['two', 'words']), 'piped\ntwo words')
  assert.is(joinPrompt([undefined], ['word']), 'word')
  assert.is(joinPrompt([''], ['word']), 'word')
  assert.is(joinPrompt(['a file', 'piped'], []), 'a file\npiped')
  assert.is(joinPrompt([undefined], []), '')
})

test('an answer begins with its first visible character, whatever pieces it comes in', () => {
  const answer = new AnswerText(true)
  assert.equal(
    [' ', '\n', '  A', ' b', ' '].map((piece) => answer.add(piece)),
    ['', '', 'A', ' b', ' '],
  )
  assert.is(answer.rest(' \n  A b  c'), ' c')
})

test('a continued text is shown as it is, and so is what was held back', () => {
  const text = new AnswerText(false)
  assert.is(text.add(' a'), ' a')
  assert.is(text.rest(' a\nUs'), '\nUs')
})

test('gates are printed with as few digits as give them back', () => {
  const gates = Float32Array.of(0.1, 1 / 3, 1e-7)
  const routes = { ids: Int32Array.of(4, 0, 2), gates }
  const [{ layer, attention, mlp }] = layersOf([{ attention: routes, mlp: routes }])
  assert.is(layer, 0)
  assert.equal(attention, { ids: [4, 0, 2], gates: [0.1, 0.33333334, 1e-7] })
  assert.equal(Float32Array.from(mlp?.gates ?? []), gates)
})

test('columns are aligned, numbers at the right', () => {
  assert.is(
    alignColumns(
      [
        ['a', '1', 'x'],
        ['long', '100', ''],
      ],
      [1],
    ),
    '  a       1  x\n  long  100\n',
  )
})

test.run()
