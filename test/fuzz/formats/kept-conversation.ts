import { join } from 'node:path'
import type { ChatMessage } from '#molm/api/text.js'
import { Conversations } from '#molm/chat/conversations/conversations.js'
import { conversationJson, readConversationJson } from '#molm/chat/conversations/export-json.js'
import { conversationMarkdown } from '#molm/chat/conversations/export-markdown.js'
import { messageJson } from '#molm/text/message-json.js'
import type { Chance } from '../chance.js'
import { expect, type Format } from '../format.js'
import { jsonLines } from '../harm-json.js'

const ID = '20261127-160000-abcdef'
const FILE = `${ID}.jsonl`
const CREATED = '2026-11-27T16:00:00.000Z'

/** Kept conversations: a head, messages and events. */
export const keptConversation: Format = {
  name: 'kept-conversation',
  inputs: 1500,
  prepare: () => ({
    onDisk: true,
    mayWrite: (dir) => [dir],
    ...jsonLines(FILE, linesOf),
    async read({ dir }) {
      const conversations = Conversations.at(dir)
      const [info] = await conversations.list()
      const conversation = await conversations.open({ id: ID, path: join(dir, FILE) })
      const { state } = conversation
      try {
        const isListed = state.messages.length > 0 || conversation.name !== undefined
        expect((info !== undefined) === isListed, 'the list has an empty conversation, or lacks one')
        if (!info) return
        expect(info.messages === state.messages.length, 'the list has another number of messages')
        expect(!/[\p{Cc}\p{Zl}\p{Zp}]/u.test(info.title + info.model), 'the list has unsafe characters')
        conversationMarkdown(state, info)
        checkJson(state)
        const messages = [...state.messages, { role: 'user', content: 'the newest' }]
        await conversation.keep({ ...state, messages })
        const kept = await conversations.stateOf(info)
        expect(kept.messages.at(-1)?.content === 'the newest', 'the newest message is not kept')
        expect(kept.messages.length === messages.length, 'earlier messages are lost')
      } finally {
        await conversation.close()
      }
    },
  }),
}

/** Checks that the exported messages are read back. A system message at the beginning becomes the system text. */
function checkJson(state: { messages: readonly ChatMessage[]; system: string; model: string }): void {
  if (state.messages.length === 0 || state.messages[0].role === 'system') return
  const { messages } = readConversationJson(Buffer.from(conversationJson(state)), 'exported.json')
  expect(JSON.stringify(messages) === JSON.stringify(state.messages), 'the exported messages are others')
}

function linesOf(chance: Chance): object[] {
  const head = { molm: 'conversation', version: 1, created: CREATED, model: chance.pick(['nano', '/a/path', '']) }
  return [head, ...Array.from({ length: chance.size(30) }, () => lineOf(chance))]
}

function lineOf(chance: Chance): object {
  const events = [{ keep: chance.below(8) }, { rename: 'a name' }, { system: 'Be brief.' }, { model: 'other' }]
  if (chance.oneIn(5)) return chance.pick(events)
  const text = chance.pick(['', 'What is a lantern?', '\u001b[2J\u2028 \ud800', 'long '.repeat(500)])
  const call = { id: 'c1', name: 'weather', arguments: { place: text, days: [1, { a: null }] } }
  const message = chance.pick<ChatMessage>([
    { role: 'user', content: text },
    { role: 'assistant', content: text, ...(chance.oneIn(2) && { thinking: 'I think.' }) },
    { role: 'assistant', content: '', toolCalls: [call] },
    { role: 'tool', content: text, toolCallId: 'c1', name: 'weather' },
  ])
  return { ...(chance.oneIn(6) && { keep: chance.below(8) }), ...messageJson(message), at: CREATED }
}
