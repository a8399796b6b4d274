import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { callInWords, resultInWords } from '#molm/terminal/conversation/state/call-words.js'

const words = (args: Record<string, unknown>): string => callInWords({ name: 'write', arguments: args })

test('a call has its arguments by name, and shows invisible characters', () => {
  assert.is(words({ path: 'a.txt', 'max size': 3 }), 'write(path: "a.txt", "max size": 3)')
  assert.is(words({ 'a\u200b': 'b\u2066', '\u3164': null }), 'write("a\\u200b": "b\\u2066", "\\u3164": null)')
})

test('long arguments are cut, but none is hidden behind another', () => {
  const call = words({ text: 'x'.repeat(50_000), path: '/etc/passwd' })
  assert.match(call, /^write\(text: "x+ … 45008 more characters, path: "\/etc\/passwd"\)$/)
  const many = words(Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`key_${i}`, 'y'.repeat(200)])))
  assert.ok(many.includes('key_299: "yyy'))
  assert.ok(many.length < 40_000)
})

test('a result is its first line, cut, with the number of lines', () => {
  assert.is(resultInWords('one\ntwo\n'), '2 lines: one')
  assert.is(resultInWords('z'.repeat(9000)).length, 501)
})

test.run()
