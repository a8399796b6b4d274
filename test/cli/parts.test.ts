import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { taughtLine } from '#molm/cli/commands/show.js'
import { noRoomMessage } from '#molm/cli/io/errors.js'
import { wrapWords } from '#molm/cli/io/output.js'
import { joinPrompt } from '#molm/cli/io/stdin.js'
import { parseMemory, parseSize, wholeNumber } from '#molm/cli/parsing/options.js'
import { NoRoom, UsageError } from '#molm/ground/errors.js'
import { alignColumns } from '#molm/ground/output/table.js'
import { layersOf } from '#molm/insight/usage/layers-json.js'
import { AnswerText } from '#molm/text/answer-text.js'

test('sizes have units of 1000 and of 1024', () => {
  const [GiB, MiB] = [2 ** 30, 2 ** 20]
  const sizes = { '1GiB': GiB, '800MB': 8e8, '1.5gib': 1.5 * GiB, '64 MiB': 64 * MiB, '2k': 2048, '1073741824': GiB }
  for (const [text, bytes] of Object.entries(sizes)) assert.is(parseSize('--memory', text), bytes, text)
  const isUsage = (error: unknown) => error instanceof UsageError
  for (const text of ['', '0', '-1GB', '1XB', 'GiB', '1e3', '9e99GB', 'constructor']) {
    assert.throws(() => parseSize('--memory', text), isUsage, text)
  }
})

test('a tiny --memory without a unit is refused with a suggestion', () => {
  assert.throws(() => parseMemory('1'), /^--memory 1 is 1 byte; did you mean 1GB\?$/)
  assert.throws(() => parseMemory('800'), /--memory 800 is 800 bytes; did you mean 800MB\?/)
  assert.is(parseMemory('1B'), 1)
  assert.is(parseMemory('1073741824'), 2 ** 30)
})

test('a line on a terminal wraps at blanks only', () => {
  const line = 'packed as q4 5.2 MB, disk free 23.3 GB'
  assert.is(wrapWords(line, 38), line)
  assert.is(wrapWords(line, 35), 'packed as q4 5.2 MB, disk free 23.3\n  GB')
  assert.is(wrapWords(line, 34), 'packed as q4 5.2 MB, disk free\n  23.3 GB')
  assert.is(wrapWords('see /a/long/path/of/a/file now\nand more', 10), 'see\n  /a/long/path/of/a/file\n  now\nand more')
})

test('the error for a text that does not fit into memory does not mention sessions', () => {
  const error = (held: number, more: number) => new NoRoom('all sessions together', { held, more })
  const remedy = '--context N lets only the latest N count'
  assert.is(
    noRoomMessage(error(0, 3_000_008), '--context'),
    `no room for 3.00 M tokens of text in the 4 GiB of a WebAssembly memory; ${remedy}`,
  )
  assert.match(noRoomMessage(error(400_000, 300_000)), /^no room for 700 k tokens of text .*; give less text$/)
  assert.is(
    noRoomMessage(error(700_000, 1), '--context'),
    `the text has reached 700 k tokens: no room for more in the 4 GiB of a WebAssembly memory; ${remedy}`,
  )
  assert.is(noRoomMessage(error(0, 0)), 'all sessions together')
})

test('a model card names the layers with new experts', () => {
  const teaching = { texts: ['a.txt'], kind: 'mlp' as const, experts: 1, parameters: 1, steps: 1, tokens: 9 }
  const line = (...layers: number[]) => taughtLine({ ...teaching, layers }).replace(/, from .*/, '')
  assert.is(line(5), '1 mlp expert in layer 5')
  assert.is(line(4, 5), '1 mlp expert in each of the layers 4 and 5')
  assert.is(line(1, 4, 5), '1 mlp expert in each of the layers 1, 4 and 5')
  assert.is(line(3, 4, 5), '1 mlp expert in each of the layers 3 to 5')
})

test('whole numbers must be in decimal notation', () => {
  const parse = wholeNumber('--count', 1)
  assert.is(parse('12'), 12)
  for (const text of ['', ' ', '0', '-3', '1.5', '0x10', 'Infinity', 'twelve']) {
    assert.throws(() => parse(text), /--count must be a whole number from 1 on/, text)
  }
})

test('piped text comes before the arguments, and each is optional', () => {
  assert.is(joinPrompt(['piped'], ['two', 'words']), 'piped\ntwo words')
  assert.is(joinPrompt([undefined], ['word']), 'word')
  assert.is(joinPrompt([''], ['word']), 'word')
  assert.is(joinPrompt(['a file', 'piped'], []), 'a file\npiped')
  assert.is(joinPrompt([undefined], []), '')
})

test('an answer begins with its first visible character, however it is split', () => {
  const answer = new AnswerText({ isAnswer: true, isTurn: false })
  assert.equal(
    [' ', '\n', '  A', ' b', ' '].map((piece) => answer.add(piece)),
    ['', '', 'A', ' b', ' '],
  )
  assert.is(answer.rest(' \n  A b  c', false), ' c')
})

test('a continued text is shown unchanged, also the part that was held back', () => {
  const text = new AnswerText({ isAnswer: false, isTurn: false })
  assert.is(text.add(' a'), ' a')
  assert.is(text.rest(' a\nUs\n', false), '\nUs\n')
})

test('a turn ends with its last visible character, unless it was cut', () => {
  for (const [isCut, end] of [
    [false, ''],
    [true, ' \n'],
  ] as const) {
    const turn = new AnswerText({ isAnswer: true, isTurn: true })
    assert.equal(
      ['\n', 'A ', '\n', 'b', ' ', '\n'].map((piece) => turn.add(piece)),
      ['', 'A', '', ' \nb', '', ''],
    )
    assert.is(turn.end(isCut), end)
    assert.is(new AnswerText({ isAnswer: true, isTurn: true }).rest('\nA \nb \n', isCut), `A \nb${end}`)
  }
})

test('gates are printed with the fewest digits that restore them', () => {
  const gates = Float32Array.of(0.1, 1 / 3, 1e-7)
  const routes = { ids: Int32Array.of(4, 0, 2), gates }
  const [{ layer, attention, mlp }] = layersOf([{ attention: routes, mlp: routes }])
  assert.is(layer, 0)
  assert.equal(attention, { ids: [4, 0, 2], gates: [0.1, 0.33333334, 1e-7] })
  assert.equal(Float32Array.from(mlp?.gates ?? []), gates)
})

test('columns are aligned, with numbers at the right', () => {
  const rows = [['a', '1', 'x'], 'long 100 '.split(' ')]
  assert.is(alignColumns(rows, [1]), '  a       1  x\n  long  100\n')
})

test.run()
