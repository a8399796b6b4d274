import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { seededRandom } from '#molm/engine/sampling/random.js'
import { Pattern } from '#molm/text/patterns/pattern.js'
import { matchesOf, PatternSearch } from '#molm/text/patterns/pattern-search.js'
import { PatternError } from '#molm/text/patterns/python-syntax.js'
import { ownTime } from '../../support/own-time.js'

const placesOf = (source: string, text: string) =>
  matchesOf(Pattern.of(source), text).map(({ start, end, groups }) => [start, end, groups])

function placesInJavaScript(source: string, text: string) {
  const pattern = new RegExp(source.replaceAll('(?P<', '(?<'), 'gs')
  return [...text.matchAll(pattern)].map((match) => {
    const groups = Object.entries(match.groups ?? {}).filter(([, value]) => value !== undefined)
    return [match.index, match.index + match[0].length, Object.fromEntries(groups)]
  })
}

test('patterns of published templates match as in Python', () => {
  const calls =
    '<tool_call>\n<function=get_weather>\n<parameter=a>\n 1\n</parameter><parameter=b></parameter></function>'
  const pairs: [string, string][] = [
    ['<tool_call>\\s*<function=(?P<name>\\w+)>', calls],
    ['<parameter=(?P<key>\\w+)>\\s*(?P<value>.*?)\\s*</parameter>', calls],
    ['<parameter=(?P<key>[^>\\s]+)>\\n?(?P<value>.*?)\\n?</parameter>', calls],
    [
      '<\\|channel\\|>commentary to=functions\\.(?P<name>\\w+).*?<\\|message\\|>',
      '<|channel|>commentary to=functions.f <|constrain|>json<|message|>{}',
    ],
    ['(?:^|<think>\\s*)x', 'xx<think> x'],
    ['\\n?</response>', 'a\n</response></response>'],
    ['(?:<a>)?[^<]*<b>', '<a>hm<b><b>'],
    ['a{2,3}|b{2}?c{0,1}', 'aaaaabbcbb'],
    ['[\\w.-]+[^\\]\\-x]', 'a.b-c de-fx'],
    ['\\x41\\u0042[\\t\\n]?', 'AB\tAB'],
  ]
  for (const [source, text] of pairs) {
    assert.ok(placesOf(source, text).length > 0, source)
    assert.equal(placesOf(source, text), placesInJavaScript(source, text), source)
  }
})

test('a character above U+FFFF is repeated as a whole', () => {
  assert.equal(placesOf('<😀+>', '<😀😀>'), [[0, 6, {}]])
})

test('random patterns match as a backtracking search does', () => {
  const random = seededRandom(7)
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random.nextFloat() * items.length)]
  const atom = (depth: number): string =>
    depth > 0 && random.nextFloat() < 0.4 ? `(?:${choice(depth - 1)})` : pick(['a', 'b', '.', '[ab]', '[^a]', 'c'])
  const part = (depth: number) => atom(depth) + pick(['', '', '', '*', '+', '?', '*?', '+?', '??', '{1,2}', '{2}'])
  // No group matches the empty text: repetitions of empty matches end differently in every language.
  const sequence = (depth: number): string =>
    pick(['a', 'b', '.']) + Array.from({ length: Math.floor(random.nextFloat() * 3) }, () => part(depth)).join('')
  const choice = (depth: number): string =>
    random.nextFloat() < 0.4 ? `${sequence(depth)}|${sequence(depth)}` : sequence(depth)
  let compared = 0
  for (let i = 0; i < 3000; i++) {
    const source = `${choice(2)}c`
    const text = Array.from({ length: 12 }, () => pick(['a', 'b', 'c'])).join('')
    let pattern: Pattern
    try {
      pattern = Pattern.of(source)
    } catch {
      continue
    }
    compared++
    const places = matchesOf(pattern, text).map(({ start, end }) => [start, end])
    const expected = placesInJavaScript(source, text).map(([start, end]) => [start, end])
    assert.equal(places, expected, `${source} in ${text}`)
  }
  assert.ok(compared > 1000, `${compared}`)
})

test('a search knows the earliest place of a match that may still come', () => {
  const search = new PatternSearch(Pattern.of('<a b*>'), 10, false)
  const earliest = [...'x<a bb'].map((letter) => {
    search.add(letter.charCodeAt(0))
    return search.earliest
  })
  assert.equal(earliest, [11, 11, 11, 11, 11, 11])
  search.add('>'.charCodeAt(0))
  assert.is(search.earliest, Infinity)
  assert.is(search.match?.start, 11)
  assert.is(search.match?.end, 17)
})

test('no pattern makes a search hang', () => {
  const text = 'a'.repeat(20_000)
  const begin = ownTime()
  for (const source of ['(?:a*)*b', '(?:a|a)*b', '(?:a+)+b', '(?:a?){200}a{200}b', '(?:.*?,){11}b']) {
    assert.equal(matchesOf(Pattern.of(source), text.slice(0, 5000)), [], source)
  }
  assert.throws(() => matchesOf(Pattern.of('a(?:.*b)?'), text), /takes too long/)
  assert.ok(ownTime() - begin < 10_000)
})

test('a pattern that is wrong or not supported is refused in words', () => {
  const wrong: [string, RegExp][] = [
    ['a)', /"\)" has no "\("/],
    ['(a', /"\(" is not closed/],
    ['[a', /"\[" is not closed/],
    ['*a', /nothing is before "\*"/],
    ['a**', /repeated without a group/],
    ['a*+', /possessive/],
    ['a\\', /ends with a backslash/],
    ['(?=a)b', /lookaround, flags and backreferences/],
    ['(?P<n>a)(?P=n)', /lookaround, flags and backreferences/],
    ['(?i)a', /lookaround, flags and backreferences/],
    ['(a)\\1', /"\\1" is not supported/],
    ['\\bword', /"\\b" is not supported/],
    ['x*', /matches an empty text/],
    ['(?:a{0,5}|b)', /matches an empty text/],
    ['a{1000}', /more than 256/],
    ['a{3,2}', /wrong order/],
    ['[z-a]', /wrong order/],
    ['[😀]', /beyond U\+FFFF/],
    [`${'('.repeat(50)}a`, /nested more than 32/],
    ['a'.repeat(600), /more than 512 characters/],
    ['(?:(?:a{100}){100}){100}', /too large/],
  ]
  for (const [source, message] of wrong) {
    assert.throws(
      () => Pattern.of(source),
      (error: unknown) => error instanceof PatternError && message.test(error.message),
      source,
    )
  }
  for (let seed = 0; seed < 1000; seed++) {
    const random = seededRandom(seed)
    const source = Array.from(
      { length: 8 },
      () => 'ab()[]{}?*+|^$\\.,-1P<:n>='[Math.floor(random.nextFloat() * 25)],
    ).join('')
    try {
      Pattern.of(source)
    } catch (error) {
      assert.instance(error, PatternError, source)
    }
  }
})

test.run()
