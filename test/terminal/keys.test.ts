import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Key, type KeyName, KeyReader } from '#molm/terminal/input/keys.js'

const key = (name: string) => ({ kind: 'key', name }) as Key

test('text and keys come in the order they were typed', () => {
  assert.equal(new KeyReader().push('hé\r\x1b[A\x1b[3~\x7f'), [
    { kind: 'text', text: 'hé' },
    key('enter'),
    key('up'),
    key('delete'),
    key('backspace'),
  ])
})

test('a pasted text is one piece, wherever chunks end, and its line ends are newlines', () => {
  const pasted = '\x1b[200~a\r\nb\rc\x1b[A\x1b[201~x'
  for (let at = 0; at <= pasted.length; at++) {
    const reader = new KeyReader()
    const keys = [...reader.push(pasted.slice(0, at)), ...reader.push(pasted.slice(at))]
    assert.equal(
      keys,
      [
        { kind: 'paste', text: 'a\nb\nc\x1b[A' },
        { kind: 'text', text: 'x' },
      ],
      `cut at ${at}`,
    )
  }
})

test('Ctrl-X Ctrl-E is one key, however late its second half comes', () => {
  const reader = new KeyReader()
  assert.equal(reader.push('a\x18'), [{ kind: 'text', text: 'a' }])
  assert.not.ok(reader.isWaiting)
  assert.equal(reader.push('\x05b'), [key('edit'), { kind: 'text', text: 'b' }])
  assert.equal(reader.push('\x18c'), [{ kind: 'text', text: 'c' }], 'Ctrl-X alone means nothing')
})

test('an incomplete sequence waits for its rest', () => {
  const reader = new KeyReader()
  assert.equal(reader.push('\x1b'), [])
  assert.ok(reader.isWaiting)
  assert.equal(reader.push('[1;5'), [])
  assert.equal(reader.push('C'), [key('word-right')])
})

test('a lone escape is the Escape key if nothing follows', () => {
  const reader = new KeyReader()
  reader.push('\x1b')
  assert.equal(reader.flush(), [key('escape')])
  assert.equal(reader.push('a'), [{ kind: 'text', text: 'a' }])
})

/** All that terminals send for each key; ^X is Ctrl-X and ~ is Escape. */
const SENT: Record<KeyName, readonly string[]> = {
  enter: ['^M'],
  newline: ['~^M', '~^J', '~[13;2u', '~[13;3u', '~[27;2;13~'],
  'line-feed': ['^J'],
  tab: ['^I'],
  'shift-tab': ['~[Z'],
  escape: [],
  backspace: ['^?', '^H'],
  delete: ['~[3~'],
  left: ['^B', '~[D', '~OD'],
  right: ['^F', '~[C', '~OC'],
  up: ['^P', '~[A', '~OA'],
  down: ['^N', '~[B', '~OB'],
  home: ['^A', '~[H', '~OH', '~[1~', '~[7~'],
  end: ['^E', '~[F', '~OF', '~[4~', '~[8~'],
  'word-left': ['~b', '~[1;3D', '~[1;5D'],
  'word-right': ['~f', '~[1;3C', '~[1;5C'],
  'delete-word': ['^W', '~^?'],
  'delete-next-word': ['~d'],
  'delete-to-end': ['^K'],
  'delete-to-start': ['^U'],
  yank: ['^Y'],
  search: ['^R'],
  thoughts: ['^T'],
  edit: ['^X^E'],
  repaint: ['^L'],
  suspend: ['^Z'],
  'ctrl-c': ['^C'],
  'ctrl-d': ['^D'],
}

test('each key is read from all that terminals send for it', () => {
  for (const [name, all] of Object.entries(SENT)) {
    for (const sent of all) {
      const bytes = sent
        .replace(/^~/, '\x1b')
        .replace(/\^(.)/g, (_, letter) => String.fromCharCode(letter.charCodeAt(0) ^ 64))
      assert.equal(new KeyReader().push(bytes), [key(name)], `${name}: ${sent}`)
    }
  }
})

test('unknown sequences and control characters are passed over', () => {
  assert.equal(new KeyReader().push('\x1b[I\x1b[24~\x00\x1b]a'), [{ kind: 'text', text: 'a' }])
})

test.run()
