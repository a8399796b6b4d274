import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { AnswerText } from '#molm/text/answer-text.js'

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

test.run()
