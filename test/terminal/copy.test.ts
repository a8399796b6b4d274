import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Chat } from '#molm/terminal/conversation/chat-state.js'
import {
  clipboardSequence,
  copy,
  lastCodeBlock,
  MOST_CLIPBOARD_BYTES,
} from '#molm/terminal/conversation/commands/copy.js'
import { chatOf, mixturesOf } from '../support/chats.js'
import { rejectsWithUserError } from '../support/rejects.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'

/** A chat with these answers, on a terminal that keeps the sequences that it is sent. */
async function answered(...answers: string[]): Promise<{ chat: Chat; sent: string[] }> {
  const chat = await chatOf(mixturesOf(1, { mlp: 2 }), 'none')
  const messages = answers.flatMap((content) => [
    { role: 'user', content: 'And?' },
    { role: 'assistant', content },
  ])
  chat.begin({ system: '', prefill: '', messages, args: {}, files: [] })
  const sent: string[] = []
  chat.terminal = {
    size: { columns: 80, rows: 24 },
    send: (sequence) => void sent.push(sequence),
    lend: (work) => work(),
  }
  return { chat, sent }
}

const copied = (sequence = '') => {
  assert.ok(sequence.startsWith('\x1b]52;c;') && sequence.endsWith('\x07'))
  return Buffer.from(sequence.slice('\x1b]52;c;'.length, -1), 'base64').toString()
}

test('/copy puts the last answer with text into the clipboard, as it is shown', async () => {
  const { chat, sent } = await answered('Older.', '\nA café \x1b[31mlamp.\n', '')
  await copy(chat, '', {})
  assert.equal(sent.map(copied), ['A café \u{fffd}[31mlamp.'])
  assert.is(chat.items.at(-1)?.text, 'copied the answer, 17 characters; some terminals refuse it')
})

test('/copy code takes the last code block, without its fences and their indentation', async () => {
  const { chat, sent } = await answered(
    'First:\n```js\none()\n```\nThen:\n  ~~~~\n  two()\n\n    three()\n ```\n  ~~~~\nDone.',
  )
  await copy(chat, 'code', {})
  assert.equal(sent.map(copied), ['two()\n\n  three()\n```'])
  assert.is(lastCodeBlock('a\n```\ncut\nhere'), 'cut\nhere', 'the answer was cut within it')
  assert.is(lastCodeBlock('```inline``` is none, nor ``this``'), undefined)
  assert.is(lastCodeBlock('```\n```'), '')
  assert.is(lastCodeBlock('- a\n\n  > ```\n  > quoted\n  >\n  >   on\n  > ```'), 'quoted\n\n  on')
})

test('what cannot be copied is refused in words', async () => {
  const refused = async (answers: string[], argument: string, message: RegExp, env = {}) => {
    const { chat, sent } = await answered(...answers)
    await rejectsWithUserError(() => copy(chat, argument, env), message)
    assert.equal(sent, [])
  }
  await refused([], '', /^there is no answer to copy$/)
  await refused(['No code.'], 'code', /^the last answer has no code block; \/copy takes all of it$/)
  await refused(['x'], 'all', /^\/copy takes the last answer, \/copy code its code$/)
  await refused(['x'], '', /^this terminal has no clipboard$/, { TERM: 'linux' })
  await refused(['x'.repeat(MOST_CLIPBOARD_BYTES + 1)], '', /too long for a terminal's clipboard, which takes 74\.0 kB/)
})

test('within tmux and GNU screen the sequence is wrapped for the terminal outside', () => {
  const inScreen = clipboardSequence('a'.repeat(600), { STY: '1.pts' })
  const pieces = inScreen.split('\x1b\\').slice(0, -1)
  assert.ok(pieces.length > 1 && pieces.every((piece) => piece.startsWith('\x1bP') && piece.length <= 242))
  assert.is(copied(pieces.map((piece) => piece.slice(2)).join('')), 'a'.repeat(600))
  const plain = clipboardSequence('lamp', {})
  assert.is(
    clipboardSequence('lamp', { TMUX: '/tmp/t,1,0' }),
    `${plain}\x1bPtmux;\x1b${plain}\x1b\\`,
    'both forms: options of tmux decide which one it takes',
  )
})

test('within tmux the text goes through the command of tmux, if that works', async () => {
  await inTemporaryFolder(async (folder) => {
    const { PATH } = process.env
    const script = async (text: string) => {
      await writeFile(join(folder, 'tmux'), `#!/bin/sh\n${text}\n`)
      await chmod(join(folder, 'tmux'), 0o700)
    }
    process.env.PATH = `${folder}:${PATH}`
    try {
      const { chat, sent } = await answered('A lamp.')
      await script(`test "$*" = "load-buffer -w -" && test "$(cat)" = "A lamp."`)
      await copy(chat, '', { TMUX: 'x' })
      assert.equal(sent, [])
      assert.match(chat.items.at(-1)?.text ?? '', /7 characters, also into the buffer of tmux; some terminals/)
      await script('exit 1')
      await copy(chat, '', { TMUX: 'x' })
      assert.equal(sent, [clipboardSequence('A lamp.', { TMUX: 'x' })])
    } finally {
      process.env.PATH = PATH
    }
  })
})

test.run()
