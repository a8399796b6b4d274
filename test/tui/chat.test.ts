import { setTimeout as wait } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Chat } from '#molm/tui/chat.js'
import { cutNote, lengthNote } from '#molm/tui/chat-notes.js'
import { chatOf, mixturesOf } from '../support/chats.js'

/** A chat whose answers are these, each after a while. */
async function answering(answers: string[]): Promise<{ chat: Chat; asked: string[]; seeds: (number | undefined)[] }> {
  const chat = await chatOf(mixturesOf(2, { mlp: 4 }), 'none')
  const asked: string[] = []
  const seeds: (number | undefined)[] = []
  chat.model.stats = () => Promise.reject(new Error('no figures here'))
  const answer = async (seed?: number) => {
    seeds.push(seed)
    await wait(20)
    return { text: answers.shift() ?? '', finishReason: 'stop' as const }
  }
  chat.conversation.ask = (text, _, options) => {
    asked.push(text)
    return answer(options?.seed)
  }
  chat.conversation.retry = (_, options) => answer(options?.seed)
  return { chat, asked, seeds }
}

function type(chat: Chat, text: string): void {
  chat.press({ kind: 'text', text })
  chat.press({ kind: 'key', name: 'enter' })
}

test('what is sent while an answer runs is asked after it, in order', async () => {
  const { chat, asked } = await answering(['one', 'two', 'three'])
  for (const text of ['first', 'second', '/nothing', 'third']) type(chat, text)
  assert.equal([asked.length, chat.queued, chat.editor.text], [1, 3, ''])
  while (chat.queued > 0 || chat.state !== 'idle') await wait(5)
  assert.equal(asked, ['first', 'second', 'third'])
  assert.equal(
    chat.items.map(({ kind, text }) => `${kind} ${text}`),
    [
      'user first',
      'answer one',
      'user second',
      'answer two',
      'error there is no command /nothing; /help lists them',
      'user third',
      'answer three',
    ],
  )
})

test('Ctrl-C gives what waits back to be written', async () => {
  const { chat, asked } = await answering(['one'])
  for (const text of ['first', 'second', 'third']) type(chat, text)
  chat.press({ kind: 'key', name: 'ctrl-c' })
  assert.is(chat.editor.text, 'second\nthird')
  while (chat.state !== 'idle') await wait(5)
  assert.equal(asked, ['first'])
})

test('/retry takes the next seed where one was set, and another question the first again', async () => {
  const { chat, seeds } = await answering([])
  chat.settings = { seed: 7 }
  for (const line of ['hello', '/retry', '/retry', 'and now']) type(chat, line)
  while (chat.queued > 0 || chat.state !== 'idle') await wait(5)
  assert.equal(seeds, [7, 8, 9, 7])
})

test('notes say what can be done', () => {
  assert.match(cutNote(64), /^cut at 64 tokens: .* \/set max-tokens 200 /)
  const model = { name: 'm', config: { trainedContext: 512 } } as Chat['model']
  assert.match(lengthNote(513, model) ?? '', /has 513 tokens, and m was trained on 512/)
  assert.is(lengthNote(512, model), undefined)
  assert.is(lengthNote(9000, model, 512), undefined, 'no more than that counts')
})

test.run()
