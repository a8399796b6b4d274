import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { wrap } from '#molm/ground/output/wrap.js'
import type { Model } from '#molm/index.js'
import type { Chat } from '#molm/terminal/conversation/chat-state.js'
import { helpOn } from '#molm/terminal/conversation/commands/help.js'
import { press } from '#molm/terminal/conversation/commands/keys.js'
import { cutNote, lengthNote } from '#molm/terminal/conversation/state/notes.js'
import { helpLines } from '#molm/terminal/screen/transcript.js'
import { chatOf, mixturesOf, modelOf, plainRoutes } from '../support/chats.js'
import { enter, idle } from '../support/real-chat.js'
import { type Asked, type ScriptedAnswer, scripted } from '../support/scripted-model.js'

const TOPICS = ['', 'conversations', 'answers', 'experts', 'keys']

interface ScriptedChat {
  chat: Chat
  asked: Asked[]
}

/** A chat whose model gives these answers, each after a while. */
async function answering(
  answers: (string | ScriptedAnswer)[],
  { depth = 'none', name, isPlain }: { depth?: 'none' | '16'; name?: string; isPlain?: boolean } = {},
): Promise<ScriptedChat> {
  const mixtures = mixturesOf(2, { mlp: 4 })
  const script = answers.map((answer) => (typeof answer === 'string' ? { text: answer } : answer))
  const { model, asked } = scripted(modelOf(mixtures, 2, name), plainRoutes(mixtures), script)
  return { chat: await chatOf(mixtures, depth, { model, isPlain }), asked }
}

const questions = (asked: Asked[]) => asked.map(({ question }) => question)

test('messages sent during an answer are asked after it, in order', async () => {
  const { chat, asked } = await answering(['one', 'two', 'three'])
  for (const text of ['first', 'second', '/nothing', 'third']) enter(chat, text)
  assert.equal([chat.state, chat.queue.length, chat.input.text], ['answering', 3, ''])
  await idle(chat)
  assert.equal(questions(asked), ['first', 'second', 'third'])
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

test('Ctrl-C puts the waiting messages back into the input', async () => {
  const { chat, asked } = await answering(['one'])
  for (const text of ['first', 'second', 'third']) enter(chat, text)
  press(chat, { kind: 'key', name: 'ctrl-c' })
  assert.is(chat.input.text, 'second\nthird')
  await idle(chat)
  assert.not.ok(questions(asked).includes('second'))
})

test('a conversation beyond the training texts is noted once, until it begins again', async () => {
  const { chat } = await answering([])
  for (const line of ['x'.repeat(1100), 'and now?', '/reset', 'y'.repeat(1100)]) enter(chat, line)
  await idle(chat)
  const notes = chat.items.filter(({ text }) => /was trained on 1024 at a time/.test(text))
  assert.is(notes.length, 2)
})

test('nano proposes a first question, which Tab takes', async () => {
  const other = await answering([], { depth: '16' })
  assert.is(other.chat.placeholder, undefined, 'another model')
  const colourless = await answering([], { name: 'nano' })
  assert.is(colourless.chat.placeholder, undefined, 'without colour it would look like input')
  const { chat } = await answering(['one'], { name: 'nano', depth: '16' })
  assert.is(chat.placeholder, 'What is a lighthouse?')
  enter(chat, '/set top-k 3')
  await idle(chat)
  press(chat, { kind: 'text', text: 'x' })
  assert.is(chat.placeholder, undefined)
  press(chat, { kind: 'key', name: 'backspace' })
  press(chat, { kind: 'key', name: 'tab' })
  assert.is(chat.input.text, 'What is a lighthouse?')
  press(chat, { kind: 'key', name: 'enter' })
  await idle(chat)
  assert.equal([chat.items.at(-1)?.text, chat.placeholder], ['one', undefined])
})

test('/help fits below the title of a map at 80 x 24, and a plain terminal has less of it', async () => {
  for (const { rows, text } of TOPICS.map((topic) => helpOn(topic, { hasTemplate: false }))) {
    const lines = [...helpLines(rows, 79), ...wrap(text, 79)]
    assert.ok(lines.length <= 10 && lines.every((line) => line.length <= 79), lines.join('\n'))
    assert.ok(helpLines(rows, 40).every((line) => line.length <= 40))
  }
  const plain = JSON.stringify(TOPICS.map((topic) => helpOn(topic, { hasTemplate: false, isPlain: true })))
  assert.not.match(plain, /map|play|copy|edit|←|Ctrl-[LRTXZ]|walk/)
  const { chat } = await answering([], { isPlain: true })
  enter(chat, '/map')
  await idle(chat)
  assert.is(chat.items.at(-1)?.text, '/map needs a terminal that can move its cursor')
})

test('/retry takes the next seed if one was set; a new question takes the first again', async () => {
  const { chat, asked } = await answering([])
  for (const line of ['/set seed 7', 'hello', '/retry', '/retry', 'and now']) enter(chat, line)
  await idle(chat)
  const seeds = asked.map(({ seed }) => seed)
  assert.equal(seeds, [7, 8, 9, 7])
})

test('notes name a remedy', () => {
  assert.match(cutNote(64), /^cut at 64 tokens: .* \/set max-tokens 200 /)
  const model = { name: 'm', config: { trainedContext: 512 } } as Model
  assert.match(lengthNote(513, model) ?? '', /has 513 tokens, and m was trained on 512/)
  assert.is(lengthNote(512, model), undefined)
  assert.is(lengthNote(9000, model, 512), undefined, 'only the context counts')
})

test.run()
