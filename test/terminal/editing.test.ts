import { open, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { cellWidth, fit, harmless } from '#molm/ground/output/cell-width.js'
import { wrap, wrapTail } from '#molm/ground/output/wrap.js'
import { Editor } from '#molm/terminal/input/editor.js'
import { editorOf } from '#molm/terminal/input/external-editor.js'
import { InputHistory } from '#molm/terminal/input/history.js'
import type { KeyName } from '#molm/terminal/input/keys.js'
import { inputLines } from '#molm/terminal/input/lines.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'

/** Windows has no permissions of this kind. */
const withOwners = process.platform === 'win32' ? test.skip : test

/** The text after some keys, with | for the cursor. */
function after(text: string, ...names: KeyName[]): string {
  const editor = new Editor()
  editor.set(text)
  for (const name of names) editor.press(name)
  return `${editor.text.slice(0, editor.cursor)}|${editor.text.slice(editor.cursor)}`
}

test('the cursor moves by characters, words and lines', () => {
  assert.is(after('one two', 'left'), 'one tw|o')
  assert.is(after('one two', 'word-left'), 'one |two')
  assert.is(after('one two', 'home', 'word-right'), 'one| two')
  assert.is(after('one\ntwo', 'home'), 'one\n|two')
  assert.is(after('one\ntwo', 'home', 'home', 'left', 'home'), '|one\ntwo')
  assert.is(after('longer\nab', 'up'), 'lo|nger\nab')
  assert.is(after('ab\nlonger', 'up'), 'ab|\nlonger')
  assert.is(after('ab\nlonger', 'up', 'down'), 'ab\nlo|nger')
})

test('a character of several code units is deleted by one key', () => {
  assert.is(after('a👩‍🚀', 'backspace'), 'a|')
  assert.is(after('ae\u0301', 'left'), 'a|e\u0301')
  assert.is(after('👍x', 'home', 'delete'), '|x')
})

test('words and lines are deleted as in a shell, and Ctrl-Y inserts what was deleted last', () => {
  assert.is(after('one two  ', 'delete-word'), 'one |')
  assert.is(after('one two', 'word-left', 'delete-to-end'), 'one |')
  assert.is(after('one two', 'word-left', 'delete-to-start'), '|two')
  assert.is(after('a\nb', 'home', 'delete-to-start'), 'a|b')
  assert.is(after('one two', 'home', 'delete-next-word'), '| two')
  assert.is(after('one two', 'delete-word', 'home', 'yank'), 'two|one ')
  assert.is(after('one two', 'home', 'delete-to-end', 'delete-to-end', 'yank', 'yank'), 'one twoone two|')
  assert.is(after('one', 'home', 'right', 'end', 'left', 'delete'), 'on|')
})

test('a key that cannot move the cursor says so', () => {
  const editor = new Editor()
  for (const name of ['up', 'down', 'left', 'right'] as const) assert.not.ok(editor.press(name))
})

test('a backslash at the end becomes a line break', () => {
  const editor = new Editor()
  editor.set('one\\')
  assert.ok(editor.breakAtBackslash())
  assert.is(editor.text, 'one\n')
  assert.not.ok(editor.breakAtBackslash())
})

test('wide characters count two columns and lines never exceed the width', () => {
  assert.is(cellWidth('a漢👍e\u0301'), 6)
  assert.is(fit('abcdef', 4), 'abc…')
  assert.is(fit('漢漢漢', 4), '漢…')
  const text = 'It was the best of times, 漢字漢字漢字漢字漢字 it was\n\nanextremelylongwordindeed 👍👍👍'
  for (let width = 2; width < 40; width++) {
    const lines = wrap(text, width)
    assert.ok(
      lines.every((line) => cellWidth(line) <= width),
      `width ${width}`,
    )
    const visible = (text: string) => text.replace(/\s/g, '')
    assert.is(visible(lines.join('')), visible(text))
  }
})

test('wrapTail gives the last lines of the whole text', () => {
  const text = 'one two three\n\nfour five six seven\neight\n'
  for (let count = 1; count < 12; count++) {
    const all = wrap(text, 9)
    assert.equal(wrapTail(text, 9, count).slice(-count), all.slice(-count))
  }
  assert.equal(wrapTail('', 9, 3), [''])
})

test('text cannot carry escape sequences to the terminal', () => {
  assert.is(harmless('a\x1b[2Jb\tc\r\nd\x07'), 'a\ufffd[2Jb  c\nd\ufffd')
})

test('a text with more rows than there is room for names the rows that are shown', () => {
  const editor = new Editor()
  editor.insert('1\n2\n3\n4\n5')
  assert.equal(inputLines(editor, 20, 3), ['  (rows 4-5 of 5)', '  4', '  5\x1b[7m \x1b[27m'])
  editor.press('home')
  for (let row = 0; row < 4; row++) editor.press('up')
  assert.equal(inputLines(editor, 20, 3), ['  (rows 1-2 of 5)', '› \x1b[7m1\x1b[27m', '  2'])
})

test('a placeholder is dim, with the cursor on its first letter', () => {
  const placeholder = 'What is a lighthouse?'
  const [line] = inputLines(new Editor(), 40, 3, placeholder)
  assert.is(line, '› \x1b[7mW\x1b[27m\x1b[2mhat is a lighthouse? (Tab)\x1b[22m')
  assert.is(stripVTControlCharacters(inputLines(new Editor(), 12, 3, placeholder)[0]).length, 12)
})

test('Up and Down move by the rows of a long line on the screen', () => {
  const editor = new Editor()
  editor.width = 4
  editor.set('abcdefghij\nk')
  assert.ok(editor.press('up'))
  assert.is(editor.cursor, 9, 'to the row with ij')
  assert.ok(editor.press('up'))
  assert.is(editor.cursor, 5)
  assert.ok(editor.press('up'))
  assert.is(editor.cursor, 1)
  assert.not.ok(editor.press('up'), 'no row is above')
  for (let row = 0; row < 3; row++) assert.ok(editor.press('down'))
  assert.is(editor.cursor, 12)
  assert.not.ok(editor.press('down'))
})

test('the input shows the lines around the cursor', () => {
  const editor = new Editor()
  editor.set('one\ntwo\nthree\nfour')
  assert.equal(inputLines(editor, 20, 2), ['  three', '  four\x1b[7m \x1b[27m'])
  for (const name of ['up', 'up', 'up', 'home'] as const) editor.press(name)
  assert.equal(inputLines(editor, 20, 2), ['› \x1b[7mo\x1b[27mne', '  two'])
})

test('history goes back and forth, returns to the draft, and lasts', async () => {
  await inTemporaryFolder(async (dir) => {
    const path = join(dir, 'home', 'history')
    const history = await InputHistory.open(path)
    for (const entry of ['first', 'two\nlines', 'two\nlines']) await history.add(entry)
    assert.is(history.older('draft'), 'two\nlines')
    assert.is(history.older('two\nlines'), 'first')
    assert.is(history.older('first'), undefined)
    assert.is(history.newer('first, changed'), 'two\nlines')
    assert.is(history.older('two\nlines'), 'first, changed', 'a changed line is kept')
    assert.is(history.newer('first'), 'two\nlines')
    assert.is(history.newer('two\nlines'), 'draft')
    assert.is(history.newer('draft'), undefined)
    assert.is(history.find('i'), 'two\nlines')
    assert.is(history.find('i', 1), 'first')
    assert.is(history.find('nowhere'), undefined)
    await writeFile(path, `${await readFile(path, 'utf8')}"half wri`)
    const again = await InputHistory.open(path)
    assert.is(again.older(''), 'two\nlines')
    assert.is(again.older(''), 'first')
  })
})

withOwners('only the owner can read the history', async () => {
  await inTemporaryFolder(async (dir) => {
    const path = join(dir, 'home', 'history')
    await (await InputHistory.open(path)).add('secret')
    assert.is((await stat(path)).mode & 0o777, 0o600)
  })
})

test('a history that has become too long is shortened at once: who reads it meanwhile has it whole', async () => {
  await inTemporaryFolder(async (dir) => {
    const path = join(dir, 'history')
    const lines = Array.from({ length: 1500 }, (_, i) => `"line ${i}"\n`)
    await writeFile(path, lines.join(''))
    const reader = await open(path)
    await InputHistory.open(path)
    assert.is((await readFile(path, 'utf8')).split('\n')[0], '"line 500"')
    assert.is(await reader.readFile('utf8'), lines.join(''))
    await reader.close()
  })
})

test('a history that cannot be kept lasts for the run', async () => {
  const history = await InputHistory.open('/dev/null/history')
  await history.add('once')
  assert.is(history.older(''), 'once')
})

test('the editor is $VISUAL, else $EDITOR, else an error says how to set one', () => {
  assert.is(editorOf({ VISUAL: 'code --wait', EDITOR: 'vi' }), 'code --wait')
  assert.is(editorOf({ VISUAL: ' ', EDITOR: 'vi' }), 'vi')
  assert.throws(() => editorOf({}), /^no editor is set: start with EDITOR=nano molm chat, or set VISUAL/)
})

test.run()
