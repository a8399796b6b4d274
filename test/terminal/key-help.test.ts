import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Chat } from '#molm/terminal/conversation/chat-state.js'
import { helpOn } from '#molm/terminal/conversation/commands/help.js'
import { chatOf, mixturesOf } from '../support/chats.js'
import { typeInto } from '../support/typed-keys.js'

/*
 * Each key of /help keys, from the bytes that a terminal sends to what it does.
 */

/** The input of a chat with the cursor as |, and what is selected in the map. */
function stateOf({ input, map, state }: Chat) {
  const text = `${input.text.slice(0, input.cursor)}|${input.text.slice(input.cursor)}`
  return { text, token: map.selected, layer: map.layer, state, search: input.search?.found }
}

interface Row {
  /** Keys of the help; undefined if the help leaves them to experience. */
  help?: string
  typed: string
  /** State afterwards. */
  gives: Partial<ReturnType<typeof stateOf>>
}

const LEFT = '\x1b[D'

const ROWS: readonly Row[] = [
  { help: 'Alt-Enter', typed: 'ab\x1b\rc', gives: { text: 'ab\nc|' } },
  { typed: 'ab\nc', gives: { text: 'ab\nc|' } },
  { typed: 'ab\\\rc', gives: { text: 'ab\nc|' } },
  { help: 'Tab', typed: '/map us\t', gives: { text: '/map usage|' } },
  { help: '↑ ↓', typed: '\x1b[A', gives: { text: 'newer|' } },
  { typed: '\x1b[A\x1b[A', gives: { text: 'older|' } },
  { typed: 'draft\x1b[A\x1b[A\x1b[B\x1b[B', gives: { text: 'draft|' } },
  { help: 'Ctrl-R', typed: '\x12old', gives: { search: 'older' } },
  { typed: '\x12er\x12\r', gives: { text: 'older|' } },
  { typed: 'draft\x12old\x03', gives: { text: 'draft|' } },
  { help: 'Ctrl-Y', typed: 'one two\x17\x19\x19', gives: { text: 'one twotwo|' } },
  { help: 'Ctrl-C', typed: 'ab\x03', gives: { text: '|', state: 'idle' } },
  { typed: '\x03', gives: { state: 'idle' } },
  { typed: '\x03\x03', gives: { state: 'ended' } },
  { help: 'Ctrl-D, Ctrl-Z', typed: '\x04', gives: { state: 'ended' } },
  { typed: 'abc\x01\x04', gives: { text: '|bc', state: 'idle' } },
  { help: '← →', typed: LEFT, gives: { token: 49 } },
  { typed: `${LEFT}${LEFT}${LEFT}\x1b[C`, gives: { token: 48 } },
  { typed: `ab${LEFT}`, gives: { text: 'a|b', token: undefined } },
  { help: 'Ctrl-← Ctrl-→', typed: '\x1b[1;5D', gives: { token: 48 } },
  { typed: `${LEFT}${LEFT}\x1b[1;5D\x1b[1;5D\x1b[1;5C`, gives: { token: 47 } },
  { help: 'Home, End', typed: '\x1b[H', gives: { token: 0 } },
  { typed: '\x1b[H\x1b[F', gives: { token: 49 } },
  { help: '↑ ↓', typed: `${LEFT}\x1b[B\x1b[B\x1b[A`, gives: { layer: 1, text: '|' } },
  { help: 'Esc', typed: `${LEFT}\x1b`, gives: { token: undefined } },
  { typed: `${LEFT}a`, gives: { token: undefined, text: 'a|' } },
]

/** Keys that other tests hold: for answers, thoughts, the editor and the screen. */
const ELSEWHERE = ['Enter', 'Ctrl-T', 'Ctrl-X Ctrl-E', 'Ctrl-L']

test('each key does what the help says', async () => {
  for (const { typed, gives } of ROWS) {
    const chat = await chatOf(mixturesOf(3, { mlp: 4 }), 'none')
    for (const entry of ['older', 'newer']) await chat.options.history.add(entry)
    await typeInto(chat, typed)
    const state = stateOf(chat)
    for (const [name, value] of Object.entries(gives)) {
      assert.equal(state[name as keyof typeof state], value, `${JSON.stringify(typed)}: ${name}`)
    }
  }
})

test('no key of the help is left out here', () => {
  const named = helpOn('keys', { hasTemplate: false }).rows.map(([keys]) => keys)
  assert.equal([...ROWS.flatMap(({ help = [] }) => help), ...ELSEWHERE].sort(), [...named].sort())
})

test.run()
