import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { seededRandom } from '#molm/engine/sampling/random.js'
import { UserError } from '#molm/ground/errors.js'
import { Automaton } from '#molm/text/grammar/forms/automaton.js'
import { readPattern, readSearch } from '#molm/text/grammar/forms/read-pattern.js'
import { formatExpression } from '#molm/text/grammar/forms/string-texts.js'
import { ownTime } from '../../support/own-time.js'

const test = suite('patterns')

const ATOMS = [
  'a',
  'b',
  'é',
  '.',
  '[ab]',
  '[^a]',
  '\\d',
  '\\w',
  '\\s',
  '\\n',
  '\\.',
  '[a-c\\d]',
  '[\\w-]',
  '[\\u{1f600}-\\u{1f601}]',
  '\\u00e9',
  '(?:ab|b)',
  '(a|\\W)',
]
const QUANTIFIERS = ['', '', '', '*', '+', '?', '{2}', '{1,2}', '{2,}', '*?', '+?']
const CHARACTERS = ['a', 'b', 'c', 'é', '1', ' ', '\n', '.', '_', '漢', '😀']

test('match the texts that JavaScript matches, whole or in part', () => {
  const random = seededRandom(2)
  const of = <T>(list: readonly T[]): T => list[Math.floor(random.nextFloat() * list.length)]
  for (let i = 0; i < 500; i++) {
    const branch = () =>
      Array.from({ length: 1 + Math.floor(3 * random.nextFloat()) }, () => of(ATOMS) + of(QUANTIFIERS)).join('')
    const beginning = of(['', '^', '(^'])
    const begun = `${beginning}${branch()}${beginning === '(^' ? ')' : ''}`
    const pattern = `${begun}${of(['', '$'])}${of(['', `|${branch()}`])}`
    const whole = Automaton.of(readPattern(pattern))
    const part = Automaton.of(readSearch(pattern))
    for (let j = 0; j < 30; j++) {
      const text = Array.from({ length: Math.floor(6 * random.nextFloat()) }, () => of(CHARACTERS)).join('')
      const place = `${pattern} on ${JSON.stringify(text)}`
      assert.is(whole.accepts(text), new RegExp(`^(?:${pattern})$`, 'u').test(text), place)
      assert.is(part.accepts(text), new RegExp(pattern, 'u').test(text), place)
    }
  }
})

test('keep to all of several patterns, or out of one', () => {
  const [a, b] = ['^[a-z]+$', '^.{2,3}$'].map((pattern) => Automaton.of(readSearch(pattern)))
  assert.equal(
    ['a', 'ab', 'abc', 'abcd', 'a1'].filter((text) => a.and(b).accepts(text)),
    ['ab', 'abc'],
  )
  assert.equal(
    ['a', 'ab', 'abc', 'abcd', 'a1'].filter((text) => a.without(b).accepts(text)),
    ['a', 'abcd'],
  )
})

const REFUSED = [
  ['a(?=b)', 'lookaheads `(?=` and `(?!` are not supported, at character 2 of the pattern a(?=b)'],
  ['(?<!a)b', 'lookbehinds `(?<=` and `(?<!` are not supported, at character 1 of the pattern (?<!a)b'],
  ['\\bword', "`\\b` (a word's edge) is not supported, at character 1 of the pattern \\bword"],
  ['\\p{L}+', '`\\p` (a property of characters) is not supported, at character 1 of the pattern \\p{L}+'],
  ['(a)\\1', '`\\1` (a back-reference) is not supported, at character 4 of the pattern (a)\\1'],
  ['(?i)a', 'the group `(?i` is not supported, at character 1 of the pattern (?i)a'],
  ['a^b', '`^` after other characters is not supported, at character 2 of the pattern a^b'],
  ['a$b', '`$` before other characters is not supported, at character 2 of the pattern a$b'],
  ['(a', '`(` without a `)`, at character 1 of the pattern (a'],
  ['[a', '`[` without a `]`, at character 1 of the pattern [a'],
  ['*a', 'nothing to repeat before `*`, at character 1 of the pattern *a'],
  ['{2}a', 'nothing to repeat before `{`, at character 1 of the pattern {2}a'],
  ['x^*', 'a repeated `^` or `$` is not supported, at character 2 of the pattern x^*'],
  ['a)', '`)` without a `(`, at character 2 of the pattern a)'],
  ['😀\\', '`\\` at the end, at character 2 of the pattern 😀\\'],
  ['(?<a', 'a group name without its `>`, at character 1 of the pattern (?<a'],
  ['\\u{110000}', '`\\u{` without a code point, at character 1 of the pattern \\u{110000}'],
  ['[b-a]', 'a range of characters is the wrong way round, at character 2 of the pattern [b-a]'],
  ['a\\x4', '2 hexadecimal digits are missing, at character 2 of the pattern a\\x4'],
  ['(?:'.repeat(6000), `groups nested more than 100 deep, at character 304 of the pattern ${'(?:'.repeat(20)}…`],
  ['a{3,1}', '`{}` has its numbers the wrong way round, at character 2 of the pattern a{3,1}'],
] as const

test('name what is not supported', () => {
  for (const [pattern, message] of REFUSED) {
    assert.throws(
      () => readPattern(pattern),
      (error: Error) => error instanceof UserError && error.message === message,
      pattern,
    )
  }
})

test('are read quickly at their longest', () => {
  const begin = ownTime()
  for (const part of ['a', '[ab]', '(?:a)']) readPattern(part.repeat(20_000 / part.length))
  assert.ok(ownTime() - begin < 5000)
})

test('formats are texts that people write', () => {
  for (const [format, text] of [
    ['date-time', '2024-02-28T23:59:59.123+01:00'],
    ['date', '1999-12-31'],
    ['date', '2024-02-29'],
    ['date', '2000-02-29'],
    ['time', '08:30:06Z'],
    ['email', 'ada.lovelace@example.co.uk'],
    ['hostname', 'www.example.com'],
    ['ipv4', '192.168.0.255'],
    ['ipv6', '2001:db8::1'],
    ['uuid', '123e4567-e89b-12d3-a456-426614174000'],
    ['uri', 'https://example.com:8080/a/b?c=d#e'],
    ['duration', 'P3DT4H'],
  ]) {
    const expression = formatExpression(format)
    assert.ok(expression)
    const isDuration = format === 'duration'
    assert.is(Automaton.of(expression).accepts(isDuration ? 'P3D' : text), true, format)
  }
})

test.run()
