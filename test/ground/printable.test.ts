import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { harmless } from '#molm/ground/output/cell-width.js'
import { printable, printableJson, printableLines, printableOutput, printableText } from '#molm/ground/printable.js'
import { visibleToken } from '#molm/insight/pictures/blocks/labels.js'

/** Clears the screen in both notations, reverses the order of letters, and breaks lines. */
const HOSTILE = 'a\x1b[2Jb\x9b2Jc\u202ed\u2028e\x07f\rg'

test('no text keeps characters that control a terminal', () => {
  const all = [printable, printableJson, printableLines, printableOutput, printableText, visibleToken, harmless]
  for (const made of all) {
    assert.not.match(made(HOSTILE), /[^\P{Cc}\n]|[\u2028-\u202e]/u, made.name)
    for (const letter of 'abcdefg') assert.ok(made(HOSTILE).includes(letter))
  }
})

test('a name is one line of limited length, with escapes for other characters', () => {
  assert.is(printable('a\x1b[2J\n\u200bb'), 'a\\x1b[2J\\x0a\\x200bb')
  assert.is(printable('x'.repeat(200)).length, 163)
  assert.is(printable('x'.repeat(200), Infinity).length, 200)
})

test('a message keeps its lines and its length', () => {
  assert.is(printableLines(`one\n${'x'.repeat(200)}\t`), `one\n${'x'.repeat(200)}\\x09`)
})

test('running text keeps lines, tabs and characters that join letters', () => {
  const family = '\u{1f468}\u200d\u{1f469}'
  assert.is(printableText(`${family}\r\n\tend\x1b`), `${family}\n\tend\u{fffd}`)
})

test('a command’s output keeps its colours, and JSON stays JSON', () => {
  assert.is(printableOutput('\x1b[38;5;7mred\x1b[0m\x1b[2J'), '\x1b[38;5;7mred\x1b[0m\\u001b[2J')
  const styles = '\x1b[1;4m\x1b[48;5;8m\x1b[38;2;5;6;8;7m\x1b[m'
  assert.is(printableOutput(styles), styles)
  assert.is(printableOutput('\x1b[8mhidden\x1b[1;5mblinking'), '\\u001b[8mhidden\\u001b[1;5mblinking')
  const json = JSON.stringify({ name: HOSTILE })
  assert.equal(JSON.parse(printableOutput(json)), { name: HOSTILE })
})

test('JSON shows what is invisible, but emoji stay whole', () => {
  const hidden = ['\u200b', '\u202e', '\u3164', '\u00ad', '\u2028', '\u009b', 'a\ufe0f', '\u{e0041}', '\ufeff']
  for (const text of hidden) {
    const json = printableJson({ [text]: text })
    assert.match(json, /^[ -~]+$/)
    assert.equal(JSON.parse(json), { [text]: text })
  }
  const emoji = '\u2600\ufe0f \u{1f468}\u200d\u{1f469} \u2764\ufe0f\u200d\u{1f525} \u{1f44b}\u{1f3fd}'
  assert.is(printableJson(emoji), `"${emoji}"`)
})

test.run()
