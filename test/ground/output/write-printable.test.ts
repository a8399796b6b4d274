import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { writePrintable } from '#molm/ground/output/write-printable.js'

/** A name that would set the window's title, clear the screen, hide text, ask for the cursor and turn letters round. */
const HOSTILE = 'a\x1b]0;owned\x07\x1b[2J\x1b[8m\u202e\x9b2J\x1bP\x1b[6nb'
/** Sequences that terminals obey, apart from dim text. */
const ESC = '\x1b'
const OBEYED = new RegExp(`${ESC}(?!\\[22?m)|[\x07\x9b\u202e]`)

test('a name in a text for a terminal cannot control it; other programs get it as it is', () => {
  const written: unknown[] = []
  const stream = (isTTY: boolean) => ({ isTTY, write: (text: unknown) => written.push(text) > 0 })
  writePrintable(stream(true), `\x1b[2m${HOSTILE}\x1b[22m`)
  writePrintable(stream(false), HOSTILE)
  assert.not.match(String(written[0]), OBEYED)
  assert.match(String(written[0]), /2ma.*b.*22m$/)
  assert.is(written[1], HOSTILE)
})

test.run()
