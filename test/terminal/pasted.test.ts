import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { press } from '#molm/terminal/conversation/commands/keys.js'
import { chatOf, mixturesOf, modelOf, plainRoutes } from '../support/chats.js'
import { idle } from '../support/real-chat.js'
import { scripted } from '../support/scripted-model.js'

test('a long pasted text is a line in the scrollback, and whole in the question; a short one is shown', async () => {
  const mixtures = mixturesOf(2, { mlp: 4 })
  const { model } = scripted(modelOf(mixtures, 2), plainRoutes(mixtures), [])
  const chat = await chatOf(mixtures, 'none', { model })
  const long = 'A lantern is lit.\n'.repeat(300).trim()
  const ask = async (...parts: { kind: 'text' | 'paste'; text: string }[]) => {
    for (const part of parts) press(chat, part)
    press(chat, { kind: 'key', name: 'enter' })
    await idle(chat)
    return chat.items.findLast(({ kind }) => kind === 'user')?.text
  }
  const around = [{ kind: 'text', text: 'What is this: ' } as const, { kind: 'text', text: ' ?' } as const]
  const shown = await ask(around[0], { kind: 'paste', text: long }, around[1])
  assert.is(shown, `What is this: [pasted text, ${long.length.toLocaleString('en-US')} characters] ?`)
  assert.is(chat.conversation.messages[0].content, `What is this: ${long} ?`)
  assert.is(await ask(around[0], { kind: 'paste', text: 'a lamp' }, around[1]), 'What is this: a lamp ?')
})

test.run()
