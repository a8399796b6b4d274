import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Key, KeyName } from '#molm/terminal/input/keys.js'
import { keysFrom } from '../support/typed-keys.js'

const key = (name: string) => ({ kind: 'key', name }) as Key

test('text and keys come in the order they were typed', async () => {
  assert.equal(await keysFrom('hé\r\x1b[A\x1b[3~\x7f'), [
    { kind: 'text', text: 'hé' },
    key('enter'),
    key('up'),
    key('delete'),
    key('backspace'),
  ])
})

test('a pasted text is one piece, wherever chunks end, and its line ends are newlines', async () => {
  const pasted = '\x1b[200~a\r\nb\rc\t\x1b[201~x'
  for (let at = 0; at <= pasted.length; at++) {
    assert.equal(
      await keysFrom(pasted.slice(0, at), pasted.slice(at)),
      [
        { kind: 'paste', text: 'a\nb\nc\t' },
        { kind: 'text', text: 'x' },
      ],
      `cut at ${at}`,
    )
  }
})

test('Ctrl-X Ctrl-E is one key, however late its second half comes', async () => {
  const text = (text: string) => ({ kind: 'text', text })
  assert.equal(await keysFrom('a\x18', '\x05b'), [text('a'), key('edit'), text('b')])
  assert.equal(await keysFrom('\x18c'), [text('c')], 'Ctrl-X alone means nothing')
})

test('an incomplete sequence waits for its rest; a lone ESC is the Escape key', async () => {
  assert.equal(await keysFrom('\x1b', '[1;5', 'C'), [key('word-right')])
  assert.equal(await keysFrom('\x1b'), [key('escape')])
})

/** All that terminals send for each key; ^X is Ctrl-X and ~ is Escape. */
const SENT: Record<KeyName, readonly string[]> = {
  enter: ['^M'],
  newline: ['~^M', '~[13;2u', '~[13;3u', '~[27;2;13~'],
  'line-feed': ['^J', '~^J'],
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

test('each key is read from all that terminals send for it', async () => {
  for (const [name, all] of Object.entries(SENT)) {
    for (const sent of all) {
      const bytes = sent
        .replace(/^~/, '\x1b')
        .replace(/\^(.)/g, (_, letter) => String.fromCharCode(letter.charCodeAt(0) ^ 64))
      assert.equal(await keysFrom(bytes), [key(name)], `${name}: ${sent}`)
    }
  }
})

test('unknown sequences and control characters are passed over; brackets may be typed', async () => {
  assert.equal(await keysFrom('\x1b[I\x1b[24~\x00\x1b[<0;1;1Ma'), [{ kind: 'text', text: 'a' }])
  for (const text of ['[', ']', '[[', ']]', '[x]', '[200~']) {
    assert.equal(await keysFrom(`a${text}`), [{ kind: 'text', text: `a${text}` }])
  }
  assert.equal(await keysFrom('[['), [{ kind: 'text', text: '[[' }])
})

test.run()
