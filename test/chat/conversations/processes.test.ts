import { readdir } from 'node:fs/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Conversations } from '#molm/chat/conversations/conversations.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'
import { assertFree, start, survivesKills } from './conversation-process.js'
import { stateAt } from './conversation-steps.js'

const test = suite('conversations and other processes')

test('a kill in a question, an answer or its replacement loses at most the step under way', () => {
  return inTemporaryFolder(async (dir) => {
    await survivesKills(
      dir,
      [1, 2, 3].map((steps) => ({ steps, delay: 0 })),
    )
    await assertFree(dir)
  })
})

const beginning = ({ content }: { content: string }) => content.slice(0, 40)

test('processes that continue a conversation at once never share a file', async () => {
  await inTemporaryFolder(async (dir) => {
    const conversations = Conversations.at(dir)
    const conversation = conversations.begin(stateAt({ step: 3 }))
    await conversation.keep(stateAt({ step: 3 }))
    await conversation.close()
    const tags = ['a ', 'b ', 'c ']
    const children = tags.map((tag) => start(['beside', dir, tag, '3', conversation.id]))
    for (const word of ['ready', 'open']) {
      for (const { say } of children) assert.is(await say(), word)
      for (const { child } of children) child.stdin.write('go\n')
    }
    const ends = await Promise.all(children.map(({ say }) => say()))
    for (const { child } of children) child.stdin.end()
    await Promise.all(children.map(({ closed }) => closed))
    assert.is(new Set(ends.map(({ id }) => id)).size, tags.length)
    assert.is(ends.filter(({ isCopy }) => isCopy).length, tags.length - 1)
    assert.is((await readdir(dir)).length, tags.length)
    for (const [i, { id }] of ends.entries()) {
      const { messages } = await conversations.stateOf(await conversations.find(id))
      const expected = [...stateAt({ step: 3 }).messages, ...stateAt({ step: 3, tag: tags[i] }).messages]
      assert.equal(messages.map(beginning), expected.map(beginning))
    }
  })
})

test.run()
