import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { pythonStrip } from '#molm/text/jinja/python.js'

const test = suite("Python's strip in templates")

const [LEFT, RIGHT] = [
  { left: true, right: false },
  { left: false, right: true },
]

test('blanks go from both ends, or from one', () => {
  assert.is(pythonStrip(' \t\x1c a b\u3000\n'), 'a b')
  assert.is(pythonStrip(' a ', undefined, LEFT), 'a ')
  assert.is(pythonStrip(' a ', undefined, RIGHT), ' a')
  for (const blank of ['', ' ', '  \n']) assert.is(pythonStrip(blank), '')
})

test('given characters go, those beyond 16 bits as one', () => {
  assert.is(pythonStrip('xyaxby', 'yx'), 'axb')
  assert.is(pythonStrip('😀😁a😀', '😀'), '😁a')
  // Half of a character in the set takes nothing of a whole one.
  assert.is(pythonStrip('😀a😀', '\ud83d\ude01'), '😀a😀')
  assert.is(pythonStrip('\ude00a\ud83d', '\ude00\ud83d'), 'a')
  assert.is(pythonStrip('aaa', 'a'), '')
  assert.is(pythonStrip(' a ', ''), ' a ')
})

test('the middle of a text is not looked at', () => {
  const characters = String.prototype[Symbol.iterator]
  let longest = 0
  String.prototype[Symbol.iterator] = function (this: string) {
    longest = Math.max(longest, this.length)
    return characters.call(this)
  }
  try {
    assert.is(pythonStrip(` ${'ab '.repeat(1000)}`).length, 2999)
    assert.ok(longest <= 2, `${longest} characters were spread out at once`)
  } finally {
    String.prototype[Symbol.iterator] = characters
  }
})

test.run()
