import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { UserError } from '#molm/ground/errors.js'
import { loadModel, type Model } from '#molm/index.js'
import { awakeSentence } from '#molm/insight/usage/awake.js'
import { isUnread, showFewAnswers } from '#molm/terminal/conversation/answers/read-again.js'
import type { Chat } from '#molm/terminal/conversation/chat-state.js'
import { load } from '#molm/terminal/conversation/commands/conversation-commands.js'
import { press } from '#molm/terminal/conversation/commands/keys.js'
import { readAnswers } from '#molm/terminal/conversation/turns/read-tokens.js'
import type { MappedToken } from '#molm/terminal/map/token-map.js'
import { writeChat } from '#molm/text/chat-frame.js'
import { fixturePath } from '../support/fixtures.js'
import { LANTERN } from '../support/lantern.js'
import { chatWith, idle, nanoFor, pressed, send } from '../support/real-chat.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { untilTurn } from '../support/until.js'

const test = suite('the walk over turns')
let nano: Model
nanoFor(test, (model) => (nano = model))

const open = () => chatWith(nano)
const left = (chat: Chat) => pressed(chat, 'left')

/**
 * A line per token: its text, its side and the experts it chose. The line break after an answer may belong to either
 * side.
 */
const plain = (tokens: readonly MappedToken[]) =>
  tokens
    .map(({ text, isQuestion, routes }) => {
      const chosen = routes.map(({ mlp, attention }) => `${mlp?.ids} ${attention?.ids}`)
      const side = text.trim() === '' ? 'between' : isQuestion ? 'read' : 'written'
      return `${JSON.stringify(text)} ${side} ${chosen.join(' | ')}`
    })
    .join('\n')

const messages = [
  { role: 'user', content: LANTERN.question },
  { role: 'assistant', content: LANTERN.answer },
  { role: 'user', content: 'What is 2 + 3?' },
  { role: 'assistant', content: '2 + 3 = 5.' },
]
const BEGINNING = { system: '', prefill: '', args: {}, files: [] }

test('an answer is followed by the number of experts that it woke', async () => {
  const chat = await open()
  await send(chat, LANTERN.question)
  const answer = chat.items.find(({ kind }) => kind === 'answer')
  assert.is(answer?.footer, awakeSentence(chat.map.usage))
  assert.match(answer?.footer ?? '', /^\d+ of 192 experts woke; \d+ of them did half of the work$/)
  await send(chat, 'What is 23 + 45?')
  assert.not.equal(
    chat.items.at(-1)?.footer,
    awakeSentence(chat.map.usage),
    'the tokens of the first answer do not count',
  )
})

test('a continued answer counts all its tokens, as if it had not been cut', async () => {
  const chat = await open()
  await send(chat, LANTERN.question)
  const whole = chat.items.at(-1)?.footer
  await send(chat, '/retry')
  assert.is(chat.items.at(-1)?.footer, whole)
  await send(chat, '/reset')
  await send(chat, '/set max-tokens 4')
  await send(chat, LANTERN.question)
  await send(chat, '/set max-tokens 40')
  await send(chat, '/continue')
  assert.is(chat.items.at(-1)?.footer, whole)
})

test('/undo and /retry take the tokens of the answer from the map', async () => {
  const chat = await open()
  await send(chat, LANTERN.question)
  const first = [...chat.map.tokens]
  await send(chat, 'What is 23 + 45?')
  await send(chat, '/retry')
  const both = plain(chat.map.tokens)
  await send(chat, '/retry')
  assert.fixture(plain(chat.map.tokens), both, 'the same answer again')
  await send(chat, '/undo')
  chat.input.set('')
  assert.equal([...chat.map.tokens], first)
  assert.is(chat.map.usage.tokens, first.filter(({ isQuestion }) => !isQuestion).length)
  await send(chat, 'What is 23 + 45?')
  assert.fixture(plain(chat.map.tokens), both)
  await send(chat, '/undo')
  chat.input.set('')
  await send(chat, '/undo')
  assert.is(chat.map.tokens.length, 0)
  assert.is(chat.map.usage.tokens, 0)
})

test('a loaded conversation can be walked over, with the experts that its tokens woke', async () => {
  await inTemporaryFolder(async (dir) => {
    const chat = await open()
    await send(chat, LANTERN.question)
    await send(chat, 'What is 23 + 45?')
    const { tokens } = chat.map
    await send(chat, `/save ${dir}/talk.json`)
    const other = await open()
    await load(other, `${dir}/talk.json`)
    await showFewAnswers(other)
    // A line break after the last answer is not part of the message.
    const last = tokens.findLastIndex(({ text }) => text.trim() !== '')
    assert.fixture(plain(other.map.tokens), plain(tokens.slice(0, last + 1)))
    await send(other, '/undo')
    const second = tokens.findIndex(({ text }, i) => i > 20 && text === 'User')
    assert.is(other.map.tokens.length, second - 1, 'the line break before it belongs to the question here')
  })
})

test('given messages and the turns of another model are read when the walk begins', async () => {
  const chat = await open()
  chat.begin({ ...BEGINNING, messages })
  assert.ok(isUnread(chat))
  await left(chat)
  assert.not.ok(isUnread(chat))
  const { text } = await writeChat(messages.slice(0, 3), { template: nano.chatTemplate, prefill: '2 + 3 = 5.' })
  const ids = nano.tokenizer.encode(text)
  assert.is(chat.map.tokens.map(({ text }) => text).join(''), nano.tokenizer.decode(ids))
  const session = nano.createSession()
  const { routes } = await session.forward(ids, { routes: true, logits: 'none' })
  for (const [i, token] of chat.map.tokens.entries()) {
    assert.equal(token.routes[3].mlp?.ids, routes[3].mlp?.ids.slice(4 * i, 4 * i + 4), `token ${i}`)
  }
  const answer = chat.map.tokens.slice(chat.map.answerStart).map(({ text }) => text)
  assert.is(answer.join('').trim(), '2 + 3 = 5.')
  assert.is(chat.map.selected, chat.map.tokens.length - 1)
  // /model continues with the turns; their tokens belong to the model before.
  chat.setModel(nano)
  assert.is(chat.map.tokens.length, 0)
  await left(chat)
  assert.is(chat.map.tokens.length, ids.length)
})

test('Ctrl-C stops the reading, and the next walk reads again', async () => {
  const chat = await open()
  // Long enough for a busy machine to see the progress before the end.
  const long = { role: 'user', content: 'The lantern is lit. '.repeat(300) }
  chat.begin({ ...BEGINNING, messages: [long, messages[1]] })
  await showFewAnswers(chat)
  assert.is(chat.map.tokens.length, 0, 'too many to read without being asked to')
  press(chat, { kind: 'key', name: 'left' })
  await untilTurn(() => chat.running?.reading !== undefined, 'the progress')
  assert.match(chat.running?.reading ?? '', /^reading \d/)
  press(chat, { kind: 'key', name: 'ctrl-c' })
  await idle(chat)
  assert.match(chat.items.at(-1)?.text ?? '', /^stopped/)
  assert.ok(isUnread(chat))
  chat.isLeaving = false
  await left(chat)
  assert.is(chat.map.tokens.length, 512)
  assert.is(chat.map.selected, 511)
})

test('tokens that are read again wake the same experts, in models with windows and states too', async () => {
  for (const name of ['71-gptoss-bf16-sharded', '81-lfm2moe-f32']) {
    const model = await loadModel(fixturePath(name), { quant: 'f32', threads: 1 })
    const session = model.createSession()
    const ids = Array.from({ length: 150 }, (_, i) => (7 * i * i + 3 * i) % 240)
    const { routes, logprobs } = await session.forward(ids, {
      routes: true,
      targets: [...ids.slice(1), 0],
      logits: 'none',
    })
    session.truncate(140)
    for (const from of [133, 20]) {
      const located = { ids, from, answers: [{ question: 0, from: from + 5, to: ids.length }] }
      const read = await readAnswers(session, located, {})
      assert.is(session.length, ids.length)
      for (const token of [from, from + 1, 139, 148, 149]) {
        for (const [layer, { mlp }] of routes.entries()) {
          const k = (mlp?.ids.length ?? 0) / ids.length
          const expected = mlp?.ids.slice(token * k, token * k + k)
          assert.equal(read.routesOf(token)[layer].mlp?.ids, expected, `${name}, token ${token}, layer ${layer}`)
        }
        if (token > from) assert.is(read.logprobOf(token), logprobs?.[token - 1], `${name}, token ${token}`)
      }
    }
    await model.dispose()
  }
})

test('given messages that the template cannot write again do no harm until the walk', async () => {
  const chat = await open()
  chat.begin({ ...BEGINNING, messages })
  const render = () => Promise.reject(new UserError('roles must alternate'))
  const refusing = { ...nano, config: nano.config, tokenizer: nano.tokenizer, generationDefaults: {} }
  const model = { ...refusing, chatTemplate: { render }, createSession: () => nano.createSession() } as unknown as Model
  chat.setModel(model)
  const said = chat.items.length
  await showFewAnswers(chat)
  assert.is(chat.items.length, said)
  await left(chat)
  assert.match(chat.items.at(-1)?.text ?? '', /roles must alternate/)
})

test('an answer that fails leaves no tokens on the map', async () => {
  const chat = await open()
  await send(chat, LANTERN.question)
  const before = [...chat.map.tokens]
  const { forward } = Object.getPrototypeOf(nano.createSession())
  const session = Reflect.get(Reflect.get(chat.conversation, 'read'), 'session')
  session.forward = async function (this: unknown, ...args: unknown[]) {
    session.forward = async () => {
      throw new Error('on purpose')
    }
    return forward.apply(this, args)
  }
  const generate = session.generate
  session.generate = () => {
    throw new Error('on purpose')
  }
  await send(chat, 'What is 23 + 45?')
  session.generate = generate
  assert.is(chat.items.at(-1)?.text, 'on purpose')
  assert.equal([...chat.map.tokens], before)
})

test.run()
