import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Conversations } from '#molm/chat/conversations/conversations.js'
import type { Model } from '#molm/index.js'
import type { Chat } from '#molm/terminal/conversation/chat-state.js'
import { chatWith, nanoFor, pressed, send } from '../support/real-chat.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'

const test = suite('caches beside kept conversations')

let nano: Model
nanoFor(test, (model) => (nano = model))

/** Without drafts, which would count among the tokens that were run. */
const generation = { promptLookupNumTokens: 0 }
const keeping = (dir: string, keptCacheBytes = 2 ** 30) =>
  chatWith(nano, { conversations: Conversations.at(dir), keptCacheBytes, generation })

const leave = (chat: Chat) => chat.keeper.leave(chat.conversation)

const caches = async (dir: string) => (await readdir(dir)).filter((name) => name.endsWith('.cache'))

/** Asks, and returns the number of tokens that the model has run for it. */
async function tokensFor(chat: Chat, question: string): Promise<number> {
  const before = (await nano.stats()).tokensProcessed
  await send(chat, question)
  return (await nano.stats()).tokensProcessed - before
}

test('a resumed conversation reads only what is new, as if it had never been left, and gives the same text', async () => {
  await inTemporaryFolder(async (dir) => {
    const [chat, other] = [await keeping(dir), await chatWith(nano, { generation })]
    for (const question of ['What is a lantern?', 'What is 23 + 45?']) {
      await send(chat, question)
      await send(other, question)
    }
    const length = chat.conversation.length
    await send(chat, '/reset')
    assert.is(chat.conversation.length, 0)
    const resumed = await keeping(dir)
    await send(resumed, '/resume 1')
    assert.ok(resumed.conversation.length >= length, `${resumed.conversation.length} tokens of ${length}`)
    assert.is(await tokensFor(resumed, 'What is a ship?'), await tokensFor(other, 'What is a ship?'))
    assert.is(resumed.items.at(-1)?.text, other.items.at(-1)?.text)
    await leave(resumed)
  })
})

test('its tokens can be walked over', async () => {
  await inTemporaryFolder(async (dir) => {
    const chat = await keeping(dir)
    await send(chat, 'What is a lantern?')
    await send(chat, '/reset')
    await send(chat, '/resume 1')
    assert.ok(chat.map.answerLength > 0)
    await pressed(chat, 'left')
    const { tokens, selected = -1 } = chat.map
    assert.match(
      tokens
        .slice(0, selected + 1)
        .map(({ text }) => text)
        .join(''),
      /A lantern is .*\.$/s,
    )
    await leave(chat)
  })
})

test('a cache that is too large is not kept, and all caches together have a limit', async () => {
  await inTemporaryFolder(async (dir) => {
    const sizeOf = async (most?: number) => {
      const chat = await keeping(dir, most)
      await send(chat, 'What is a lantern?')
      await leave(chat)
      const found = await caches(dir)
      return Promise.all(found.map(async (name) => (await stat(join(dir, name))).size))
    }
    assert.equal(await sizeOf(0), [])
    assert.equal(await sizeOf(1000), [])
    const [size] = await sizeOf()
    assert.is((await sizeOf(1.5 * size)).length, 1, 'the older one has made room')
  })
})

test.run()
