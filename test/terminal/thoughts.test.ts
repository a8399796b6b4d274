import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { loadModel, type Model } from '#molm/index.js'
import type { Chat } from '#molm/terminal/conversation/chat-state.js'
import { Conversation } from '#molm/terminal/conversation/turns/conversation.js'
import { collected } from '../support/collected.js'
import { withModel } from '../support/models.js'
import { writeParrot } from '../support/parrot-model.js'
import { chatWith, send } from '../support/real-chat.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'

const test = suite('thoughts in a chat')

const [HELLO, BYE] = ['Hello there', 'Bye now']
const THOUGHT = 'A greeting. I should greet the user back, and ask a question.'
const ANSWERS = [
  { says: `<think>\n${THOUGHT}\n</think>\n\nHello! How are you?` },
  { to: BYE, says: '<think>\nThe user leaves.\n</think>\n\nSee you soon.' },
]

let parrot: Model

test.before(async () => {
  parrot = await inTemporaryFolder(async (dir) => {
    const path = await writeParrot(join(dir, 'parrot'), { format: 'qwen3', answers: ANSWERS })
    return loadModel(path, { threads: 1, quant: 'f32' })
  })
})
test.after(() => parrot.dispose())

const shown = ({ items }: Chat) =>
  items.map(({ kind, text }) => `${kind} ${text.replace(/^thought \d+ tokens, [\d.]+ s$/, 'thought N tokens')}`)

test('that are interrupted are resumed, to the same message', async () => {
  const conversation = new Conversation(parrot)
  const stop = new AbortController()
  const options = { temperature: 0, maxTokens: 40 }
  for await (const event of conversation.ask(HELLO, { ...options, signal: stop.signal })) {
    if (event.kind === 'token' && event.events.some(({ kind }) => kind === 'thinking')) stop.abort()
  }
  const { content, thinking = '' } = conversation.messages[1]
  assert.is(content, '')
  assert.ok(thinking !== '' && thinking !== THOUGHT && THOUGHT.startsWith(thinking), thinking)
  await collected(conversation.resume(options))
  assert.equal(conversation.messages.slice(1), [
    { role: 'assistant', content: 'Hello! How are you?', thinking: THOUGHT },
  ])
})

test('that the template leaves out of the next prompt cost no more than the answer, and are on the map once', async () => {
  const chat = await chatWith(parrot, { generation: { promptLookupNumTokens: 0 } })
  await send(chat, HELLO)
  const first = await parrot.stats()
  const before = chat.map.tokens.length
  await send(chat, BYE)
  assert.is(chat.items.at(-1)?.text, 'See you soon.')
  const ran = (await parrot.stats()).tokensProcessed - first.tokensProcessed
  const written = chat.map.answerLength
  const answer = parrot.tokenizer.encode('Hello! How are you?', { addSpecialTokens: false }).length
  const frame = '<|im_end|>\n<|im_start|>user\nBye now<|im_end|>\n<|im_start|>assistant\n'
  const question = parrot.tokenizer.encode(frame, { addSpecialTokens: false }).length
  assert.ok(ran <= answer + question + written + 2, `${ran} tokens for ${answer} + ${question} + ${written}`)
  assert.is(chat.map.tokens.length - before, question + written, 'the answer before is not on the map again')
})

test('count as tokens of the answer, and its colours are for the content', async () => {
  const chat = await chatWith(parrot, { depth: 'truecolor' })
  await send(chat, HELLO)
  assert.ok(chat.map.answerLength > 15)
  await send(chat, '/colour surprise')
  const { text, spans = [] } = chat.items.at(-1) ?? {}
  assert.match(text ?? '', /\nHello! How are you\?$/)
  assert.is(spans.map((span) => span.text).join(''), text)
  await send(chat, '/retry')
  const answer = chat.items.at(-1)
  assert.is(answer?.text, 'Hello! How are you?')
  assert.ok(answer?.spans?.some(({ highlight }) => highlight))
  await send(chat, '/undo')
  assert.equal([chat.map.tokens.length, chat.conversation.messages.length], [0, 0])
})

test('that a model cannot stop are noted once', async () => {
  await inTemporaryFolder(async (dir) => {
    const path = await writeParrot(join(dir, 'thinker'), { format: 'qwen3-thinking', answers: ANSWERS })
    await withModel(path, { threads: 1 }, async (thinker) => {
      const chat = await chatWith(thinker)
      await send(chat, '/think off')
      for (const question of [HELLO, BYE]) await send(chat, question)
      const notes = shown(chat).filter((line) => /^note (?!thinking)/.test(line))
      assert.is(notes.length, 1, notes.join('\n'))
      assert.match(notes[0], /thinker/)
      assert.is(chat.items.at(-1)?.text, 'See you soon.')
    })
  })
})

test('do not take part in the form of an answer, which a cut answer lacks', async () => {
  const chat = await chatWith(parrot, { generation: { maxTokens: 60 } })
  await send(chat, '/schema {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}')
  assert.match(chat.items.at(-1)?.text ?? '', /^answers are JSON of the schema {"type":"object"/)
  await send(chat, HELLO)
  const { content = '', thinking } = chat.conversation.messages.at(-1) ?? {}
  assert.is(thinking, THOUGHT)
  assert.is(typeof JSON.parse(content).n, 'number')
  await send(chat, '/set max-tokens 20')
  await send(chat, '/retry')
  assert.match(chat.items.at(-1)?.text ?? '', /^cut at 20 tokens, .*then \/retry$/)
  await send(chat, '/schema off')
  assert.is(chat.items.at(-1)?.text, 'answers have no fixed form')
})

test('are not compared by /without, only the content is', async () => {
  const chat = await chatWith(parrot)
  await send(chat, HELLO)
  await send(chat, '/without 0:mlp:1')
  const compared = chat.items.slice(4).map(({ text }) => text)
  assert.ok(compared.length > 0)
  assert.not.match(compared.join('\n'), /greeting|<think>/)
})

test.run()
