import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { mistralCalls, pythonCalls } from '#molm/text/answers/parse-calls.js'

const argsOf = (text: string) => pythonCalls(text).map(({ arguments: args }) => args)

test('calls of Python have all kinds of literals', () => {
  const text = `[a.b_c(s="x, y)", t='it\\'s "q"', n=-1.5e3, i = 007, b=True, c=false, d=None, l=[1, (2, 3),], o={'k': {"m": []}, 1: 2}), now( )]`
  assert.equal(pythonCalls(text), [
    {
      name: 'a.b_c',
      arguments: {
        s: 'x, y)',
        t: 'it\'s "q"',
        n: -1500,
        i: 7,
        b: true,
        c: false,
        d: null,
        l: [1, [2, 3]],
        o: { k: { m: [] }, '1': 2 },
      },
    },
    { name: 'now', arguments: {} },
  ])
  assert.equal(argsOf('f(x=1)'), [{ x: 1 }])
  assert.equal(argsOf('\n[f(x=1,),]\n'), [{ x: 1 }])
})

test('strings of Python have escapes, line breaks and three quotes', () => {
  assert.equal(argsOf(String.raw`[f(a="\n\t\\\x41é\U0001F600\d", b='''x'y"''')]`), [{ a: '\n\t\\Aé😀\\d', b: `x'y"` }])
  assert.equal(argsOf('[f(a="two\nlines")]'), [{ a: 'two\nlines' }])
})

test('quotes within a string need no backslash if their place is clear', () => {
  assert.equal(argsOf('[f(a="say "hi" to all", b=2)]'), [{ a: 'say "hi" to all', b: 2 }])
})

test('what is no call is refused', () => {
  const wrong = [
    '',
    '[',
    'f',
    'f(',
    'f(1)',
    'f(x)',
    'f(x=)',
    'f(x=y)',
    'f(x=g())',
    '[f()] and more',
    'f(x="a',
    '[f() g()]',
    'f(x=1 y=2)',
  ]
  for (const text of wrong) assert.throws(() => pythonCalls(text), /missing|more|name/, text)
  assert.throws(() => pythonCalls(`f(x=${'['.repeat(1000)}${']'.repeat(1000)})`), /nested too deep/)
})

test("Mistral's calls are lists or have a name each", () => {
  const calls = [{ name: 'a', arguments: { x: 1 } }]
  assert.equal(mistralCalls(' [{"name": "a", "arguments": {"x": 1}}]'), calls)
  assert.equal(mistralCalls('a[ARGS]{"x": 1}'), calls)
  assert.equal(mistralCalls('a {"x": 1}[TOOL_CALLS]b[CALL_ID]123[ARGS]{}'), [...calls, { name: 'b', arguments: {} }])
  assert.throws(() => mistralCalls('a[ARGS]{"x": 1'))
  assert.throws(() => mistralCalls(`a[ARGS]{"x": ${'['.repeat(500)}${']'.repeat(500)}}`), /deep/)
  const args = { x: '"[TOOL_CALLS]b[ARGS]{}', y: '\\' }
  const written = `a[ARGS]${JSON.stringify(args)}[TOOL_CALLS]b[ARGS]{}`
  assert.equal(mistralCalls(written), [
    { name: 'a', arguments: args },
    { name: 'b', arguments: {} },
  ])
})

test.run()
