import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { UsageError } from '#molm/ground/errors.js'
import { StopStrings } from '#molm/text/stop-strings.js'

function run(stops: string[], pieces: string[]): { text: string; stop: string | undefined } {
  const matcher = new StopStrings(stops)
  let text = ''
  for (const piece of pieces) text += matcher.push(piece)
  return { text: text + matcher.flush(), stop: matcher.stop }
}

/** Every way to cut a text into pieces. */
function* cuts(text: string): Generator<string[]> {
  for (let mask = 0; mask < 2 ** (text.length - 1); mask++) {
    const pieces = ['']
    for (let at = 0; at < text.length; at++) {
      if (at > 0 && mask & (1 << (at - 1))) pieces.push('')
      pieces[pieces.length - 1] += text[at]
    }
    yield pieces
  }
}

function always(stops: string[], text: string, shown: string, stop: string | undefined): void {
  for (const pieces of cuts(text)) {
    assert.equal(run(stops, pieces), { text: shown, stop }, JSON.stringify({ stops, pieces }))
  }
}

test('gives the text before the stop string, however the text is cut', () => {
  always(['\nUser:'], 'Hello\nUser: x', 'Hello', '\nUser:')
  always(['stop'], 'sstostop', 'ssto', 'stop')
  always(['aab'], 'aaaaabaab', 'aaa', 'aab')
  always(['abab'], 'abaababab', 'aba', 'abab')
})

test('gives a text without a stop string in full, its half-finished ones too', () => {
  always(['\nUser:'], 'a\nUse\nUser', 'a\nUse\nUser', undefined)
  always(['###'], 'a##b##', 'a##b##', undefined)
  always([], 'anything', 'anything', undefined)
})

test('of several stop strings the one that is complete first wins', () => {
  always(['END', 'STOP'], 'a STOP END', 'a ', 'STOP')
  always(['STOP', 'END'], 'a STOP END', 'a ', 'STOP')
  always(['bcde', 'c'], 'abcdef', 'ab', 'c')
  always(['c', 'bcde'], 'abcdef', 'ab', 'c')
})

test('of stop strings that end at the same place the longest wins', () => {
  always(['User:', '\nUser:'], 'hi\nUser: x', 'hi', '\nUser:')
  always(['\nUser:', 'User:'], 'hi\nUser: x', 'hi', '\nUser:')
})

test('holds back only what a stop string may begin with', () => {
  const matcher = new StopStrings(['\nUser:'])
  assert.is(matcher.push('Hello'), 'Hello')
  assert.is(matcher.push('\n'), '')
  assert.is(matcher.push('Us'), '')
  assert.is(matcher.push('ual\n'), '\nUsual')
  assert.is(matcher.push('User'), '')
  assert.is(matcher.stop, undefined)
  assert.is(matcher.push(':!'), '')
  assert.is(matcher.stop, '\nUser:')
})

test('gives nothing after a stop string', () => {
  const matcher = new StopStrings(['.'])
  assert.is(matcher.push('a.b'), 'a')
  assert.is(matcher.push('more'), '')
  assert.is(matcher.flush(), '')
})

test('never cuts a character in half', () => {
  const matcher = new StopStrings(['😀!'])
  assert.is(matcher.push('😁'), '😁')
  assert.is(matcher.push('😀'), '')
  assert.is(matcher.push('?'), '😀?')
})

test('refuses an empty stop string', () => {
  assert.throws(
    () => new StopStrings(['a', '']),
    (error: unknown) => error instanceof UsageError && /^`stop` /.test(error.message),
  )
})

test('a thousand stop strings are looked for, more are refused', () => {
  const stops = Array.from({ length: 1000 }, (_, i) => `<${i}>`)
  assert.equal(run(stops, ['a <99', '9> b']), { text: 'a ', stop: '<999>' })
  const many = new Array<string>(200_000).fill('x')
  assert.throws(
    () => new StopStrings(many),
    (error: unknown) => error instanceof UsageError && /at most 1000/.test(error.message),
  )
})

test.run()
