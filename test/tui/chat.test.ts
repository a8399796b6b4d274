import { setTimeout as wait } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { NoRoom } from '#molm/errors.js'
import { wrap } from '#molm/terminal/wrap.js'
import type { Chat } from '#molm/tui/conversation/chat.js'
import { cutNote, lengthNote } from '#molm/tui/conversation/chat-notes.js'
import { commandHelp, keyHelp, tableLines } from '#molm/tui/conversation/help.js'
import { chatOf, mixturesOf, plainRoutes } from '../support/chats.js'

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
      'command /nothing',
      'error there is no command /nothing; /help lists them',
      'user third',
      'answer three',
    ],
  )
})

test('a conversation that no room is left for is told of its own commands, not of sessions', async () => {
  const { chat } = await answering([])
  chat.conversation.ask = async () => {
    throw new NoRoom('no room for 1 more tokens: dispose of other sessions', { held: 900_000, more: 1 })
  }
  type(chat, 'one more')
  while (chat.state !== 'idle') await wait(5)
  const [error] = chat.items.filter(({ kind }) => kind === 'error')
  assert.match(error?.text ?? '', /^no room for more text .*; \/reset begins again, \/set context N /)
})

test('Ctrl-C gives what waits back to be written', async () => {
  const { chat, asked } = await answering(['one'])
  for (const text of ['first', 'second', 'third']) type(chat, text)
  chat.press({ kind: 'key', name: 'ctrl-c' })
  assert.is(chat.editor.text, 'second\nthird')
  while (chat.state !== 'idle') await wait(5)
  assert.equal(asked, ['first'])
})

test('a name near that of a command gets it as a hint, and the names of other programs work', async () => {
  const { chat } = await answering([])
  for (const line of ['/clera', '/hepl', '/xyzzy', '/?', '/bye']) type(chat, line)
  while (chat.state !== 'ended') await wait(5)
  assert.equal(
    chat.items.filter(({ kind }) => kind !== 'command').map(({ text }) => text.split('\n')[0]),
    [
      'there is no command /clera; did you mean /clear?',
      'there is no command /hepl; did you mean /help?',
      'there is no command /xyzzy; /help lists them',
      '/help keys lists the keys, and says what is kept of what you type.',
    ],
  )
})

test('/system alone shows the system text, and off or "" clears it', async () => {
  const { chat } = await answering([])
  const said: string[] = []
  for (const argument of ['', ' You are brief.', '', ' off', '', ' Be kind.', ' ""', '']) {
    type(chat, `/system${argument}`)
    while (chat.state !== 'idle') await wait(5)
    said.push(chat.items.at(-1)?.text ?? '')
  }
  const [none, brief, kind] = ['no system text', 'system text: You are brief.', 'system text: Be kind.']
  assert.equal(said, [none, brief, brief, none, none, kind, none, none])
})

test('an answer that is interrupted names the command that resumes it', async () => {
  const { chat } = await answering([])
  for (const [text, note] of [
    ['It was', 'interrupted: /continue resumes it'],
    ['', 'interrupted: /retry answers again'],
  ]) {
    chat.conversation.ask = async () => ({ text, finishReason: 'interrupted' })
    await chat.ask('What was it?')
    assert.is(chat.items.at(-1)?.text, note)
  }
})

test('/continue after an answer that had ended says so, and leaves the answer the newest', async () => {
  const { chat } = await answering([])
  const before = chat.map.answerLength
  assert.ok(before > 0)
  chat.conversation.goOn = async () => {
    chat.map.add('\n', plainRoutes(mixturesOf(2, { mlp: 4 })))
    return { text: 'It was.', finishReason: 'stop', hadEnded: true }
  }
  await chat.goOn()
  assert.equal([chat.items.at(-1)?.kind, chat.items.at(-1)?.text], ['note', 'the answer had ended; nothing came'])
  assert.is(chat.map.answerLength, before)
})

test('/undo says which turn no longer counts, and gives its question back to be written', async () => {
  const { chat } = await answering([])
  const question = `What is a lantern, ${'and another, '.repeat(5)}?`
  chat.conversation.messages.push({ role: 'user', content: question }, { role: 'assistant', content: 'A light.' })
  type(chat, '/undo')
  while (chat.state !== 'idle') await wait(5)
  assert.is(
    chat.items.at(-1)?.text,
    'taken back: "What is a lantern, and another, and ano…" and its answer above no longer count',
  )
  assert.equal([chat.editor.text, chat.conversation.messages.length], [question, 0])
})

test('the empty line of nano has a question that Tab takes, until one has been asked', async () => {
  const { chat } = await answering(['one'])
  assert.is(chat.placeholder, undefined, 'another model')
  Object.assign(chat.model, { name: 'nano' })
  assert.is(chat.placeholder, undefined, 'without colour it would look as if it were written')
  Object.assign(chat.options, { depth: '16' })
  assert.is(chat.placeholder, 'What is a lighthouse?')
  type(chat, '/set top-k 3')
  while (chat.state !== 'idle') await wait(5)
  chat.press({ kind: 'text', text: 'x' })
  assert.is(chat.placeholder, undefined)
  chat.press({ kind: 'key', name: 'backspace' })
  chat.press({ kind: 'key', name: 'tab' })
  assert.is(chat.editor.text, 'What is a lighthouse?')
  chat.press({ kind: 'key', name: 'enter' })
  while (chat.state !== 'idle') await wait(5)
  assert.equal([chat.items.at(-1)?.text, chat.placeholder], ['one', undefined])
})

test('/help fits below the title of a map at 80 x 24, and a terminal that only takes lines has less of it', async () => {
  const { chat } = await answering([])
  for (const { rows, text } of [commandHelp(chat), keyHelp(chat)]) {
    const lines = [...tableLines(rows, 79), ...wrap(text, 79)]
    assert.ok(lines.length <= 10 && lines.every((line) => line.length <= 79), lines.join('\n'))
    assert.ok(tableLines(rows, 40).every((line) => line.length <= 40))
  }
  Object.assign(chat.options, { isPlain: true })
  const plain = JSON.stringify([commandHelp(chat), keyHelp(chat)])
  assert.not.match(plain, /map|play|←|Ctrl-[LRZ]|walk/)
  type(chat, '/map')
  while (chat.state !== 'idle') await wait(5)
  assert.is(chat.items.at(-1)?.text, '/map needs a terminal that can move its cursor')
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
