import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Conversations } from '#molm/chat/conversations/conversations.js'
import type { Model } from '#molm/index.js'
import type { Chat } from '#molm/terminal/conversation/chat-state.js'
import { chatWith, enter, nanoFor, pressed, send } from '../support/real-chat.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { untilTurn } from '../support/until.js'

/* Ctrl-C while a chat reads a long message: what was read stays. The engine counts the tokens that it runs, drafts too. */
const test = suite('a chat that is stopped while it reads')

const DOCUMENT = 'The lantern is lit, and the boat is far away. '.repeat(150)
const open = () => chatWith(nano, { generation: { promptLookupNumTokens: 0 } })
let nano: Model
nanoFor(test, (model) => (nano = model))

/** Sends a long message, and presses Ctrl-C when some of it has been read. */
async function stopReading(chat: Chat): Promise<void> {
  enter(chat, `${DOCUMENT}What is lit?`)
  await untilTurn(() => /^reading [1-9]/.test(chat.running?.reading ?? ''), 'the progress')
  await pressed(chat, 'ctrl-c')
  assert.is(chat.items.at(-1)?.text, 'stopped while reading: /retry reads on')
}

/** Tokens that the model runs for a line, and the answer. */
async function ranFor(chat: Chat, line: string): Promise<{ ran: number; answer?: string }> {
  const before = (await nano.stats()).tokensProcessed
  await send(chat, line)
  const answer = chat.items.filter(({ kind }) => kind === 'answer').at(-1)?.text
  return { ran: (await nano.stats()).tokensProcessed - before, answer }
}

test('/retry reads only the rest, and gives the answer that it gives without the stop', async () => {
  const [chat, other] = [await open(), await open()]
  const whole = await ranFor(other, `${DOCUMENT}What is lit?`)
  await stopReading(chat)
  const kept = chat.conversation.length
  assert.ok(kept >= 256, `${kept} tokens kept`)
  const { ran, answer } = await ranFor(chat, '/retry')
  assert.is(answer, whole.answer)
  assert.is(ran, whole.ran - kept)
})

test('after /undo, another question about the same text reads only the rest', async () => {
  const [chat, other] = [await open(), await open()]
  await stopReading(chat)
  const kept = chat.conversation.length
  await send(chat, '/undo')
  chat.input.set('')
  const question = `${DOCUMENT}What is far away?`
  const [again, whole] = [await ranFor(chat, question), await ranFor(other, question)]
  assert.is(again.answer, whole.answer)
  assert.is(again.ran, whole.ran - kept)
})

test('its file has what was read, and the conversation continues there', async () => {
  await inTemporaryFolder(async (dir) => {
    const keeping = () => chatWith(nano, { conversations: Conversations.at(dir), keptCacheBytes: 2 ** 30 })
    const chat = await keeping()
    await stopReading(chat)
    const kept = chat.conversation.length
    await chat.keeper.leave(chat.conversation)
    const resumed = await keeping()
    await send(resumed, '/resume 1')
    assert.ok(resumed.conversation.length >= kept, `${resumed.conversation.length} of ${kept} tokens`)
    await resumed.keeper.leave(resumed.conversation)
  })
})

test.run()
