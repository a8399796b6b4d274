import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { OfferedTool } from '#molm/engine/session/run-calls.js'
import { loadModel, type Model, type Tool } from '#molm/index.js'
import type { Chat } from '#molm/terminal/conversation/chat-state.js'
import { press } from '#molm/terminal/conversation/commands/keys.js'
import { activityOf } from '#molm/terminal/screen/live-lines.js'
import { callOf, type ParrotAnswer, writeParrot } from '../support/parrot-model.js'
import { chatWith, enter, idle, send } from '../support/real-chat.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { until, untilTurn } from '../support/until.js'

const test = suite('calls of tools in a chat')

const BERN = 'What is the weather in Bern?'
const ANSWERS: ParrotAnswer[] = [
  { says: 'Hello!' },
  { to: BERN, says: `<think>\nI ask the tool.\n</think>\n\nLet me look.\n${callOf('weather', { city: 'Bern' })}` },
  { to: 'And twice?', says: `${callOf('weather', { city: 'Basel' })}\n${callOf('weather', { city: 'Chur' })}` },
  { toTool: true, says: '<think>\nI know it now.\n</think>\n\nDone.' },
]

let parrot: Model

test.before(async () => {
  parrot = await inTemporaryFolder(async (dir) => {
    return loadModel(await writeParrot(join(dir, 'parrot'), { format: 'qwen3', answers: ANSWERS }), { threads: 1 })
  })
})
test.after(() => parrot.dispose())

/** Tools that note their calls. */
function toolbox(): { tools: Tool[]; ran: string[] } {
  const ran: string[] = []
  const parameters = { type: 'object', properties: { city: { type: 'string' } } }
  return {
    ran,
    tools: [
      {
        name: 'weather',
        description: 'The weather in a city.',
        parameters,
        run({ city }) {
          ran.push(String(city))
          return `21 degrees\n\u001b[2Jin ${city}`
        },
      },
      { name: 'again', parameters: { type: 'object', properties: { n: { type: 'number' } } }, run: () => 'once more' },
      { name: 'waits', run: () => wait(60_000, undefined, { ref: false }) },
    ],
  }
}

const shown = ({ items }: Chat) =>
  items.map(({ kind, text }) => `${kind} ${text}`).filter((line) => !/^thought/.test(line))
const rolesOf = ({ conversation }: Chat) => conversation.messages.map(({ role }) => role)

/** Asks, and waits for the question whether a tool may run; after that, a key counts. */
async function ask(chat: Chat, question: string): Promise<void> {
  enter(chat, question)
  await asked(chat)
}

async function asked(chat: Chat): Promise<void> {
  await until(() => chat.running?.call?.state === 'asked', 'the question')
  await wait(320)
}

const type = (chat: Chat, text: string) => press(chat, { kind: 'text', text })

test('run after the user agrees, and their results go to the model', async () => {
  const { tools, ran } = toolbox()
  const chat = await chatWith(parrot, { tools: () => tools })
  let isTwice = false
  chat.subscribe(() => {
    const { text = '' } = chat.running ?? {}
    isTwice ||= text !== '' && chat.items.at(-1)?.text === text
  })
  await ask(chat, BERN)
  assert.not.ok(isTwice, 'a finished text runs no longer')
  assert.equal([activityOf(chat), ran.length], ['asking', 0])
  type(chat, 'y')
  await idle(chat)
  assert.equal(shown(chat), [
    `user ${BERN}`,
    'answer Let me look.',
    'call weather(city: "Bern")',
    'result 2 lines: 21 degrees',
    'answer Done.',
  ])
  assert.match(chat.items.at(-1)?.footer ?? '', /experts woke/)
  const [, call, result, answer] = chat.conversation.messages
  assert.equal(call.toolCalls?.[0].arguments, { city: 'Bern' })
  assert.equal([call.thinking, result.role, result.toolCallId], ['I ask the tool.', 'tool', call.toolCalls?.[0].id])
  assert.equal([answer.content, answer.thinking], ['Done.', 'I know it now.'])
  press(chat, { kind: 'key', name: 'thoughts' })
  assert.is(
    chat.items.at(-1)?.text,
    'I ask the tool.\nweather(city: "Bern")\n→ 21 degrees\n\ufffd[2Jin Bern\nI know it now.',
  )
  await ask(chat, '/retry')
  type(chat, 'y')
  await idle(chat)
  assert.equal([ran.length, rolesOf(chat)], [2, ['user', 'assistant', 'tool', 'assistant']])
})

test('that have changed are asked for again, and explained, although --yes or a allowed them', async () => {
  const { tools, ran } = toolbox()
  let [first] = tools as OfferedTool[]
  const chat = await chatWith(parrot, { tools: () => [first], isAllowed: (tool) => tool === 'weather' })
  await send(chat, BERN)
  for (const description of ['Sends a\u{e0041} key.', 'Sends all keys.']) {
    first = { ...first, description, isChanged: true }
    await ask(chat, BERN)
    type(chat, 'a')
    await idle(chat)
    await send(chat, BERN)
  }
  assert.is(ran.length, 5)
  const about = 'weather has changed its description or parameters since it was first offered; the description is now'
  const notes = shown(chat).filter((line) => line.startsWith('note '))
  assert.equal(notes, [`note ${about} "Sends a\\udb40\\udc41 key."`, `note ${about} "Sends all keys."`])
})

test('are not allowed by text that the user was typing', async () => {
  const { tools, ran } = toolbox()
  const chat = await chatWith(parrot, { tools: () => tools })
  enter(chat, BERN)
  // A key that comes later would count.
  await untilTurn(() => chat.running?.call?.state === 'asked', 'the question')
  type(chat, 'y')
  assert.equal([chat.input.text, chat.running?.call?.state], ['y', 'asked'])
  await wait(320)
  type(chat, 'y')
  assert.equal([chat.input.text, ran.length], ['yy', 0])
  chat.input.set('')
  type(chat, 'yes')
  assert.equal([chat.input.text, chat.running?.call?.state], ['yes', 'asked'])
  chat.input.set('')
  type(chat, 'y')
  await idle(chat)
  assert.equal(ran, ['Bern'])
})

test('that are not answered leave a conversation that /continue, /undo and new questions work on', async () => {
  const { tools, ran } = toolbox()
  const chat = await chatWith(parrot, { tools: () => tools })
  await ask(chat, 'And twice?')
  type(chat, 'y')
  await until(() => ran.length === 1, 'the first result')
  await asked(chat)
  press(chat, { kind: 'key', name: 'escape' })
  await idle(chat)
  const interrupted = ['call weather(city: "Chur")', 'note interrupted: /continue asks again']
  assert.equal([rolesOf(chat), shown(chat).slice(-2)], [['user', 'assistant', 'tool'], interrupted])
  await ask(chat, '/continue')
  press(chat, { kind: 'key', name: 'ctrl-c' })
  await idle(chat)
  assert.equal([rolesOf(chat).length, shown(chat).slice(-2)], [3, interrupted])
  await ask(chat, '/continue')
  type(chat, 'y')
  await idle(chat)
  assert.equal(rolesOf(chat), ['user', 'assistant', 'tool', 'tool', 'assistant'])
  assert.equal(ran, ['Basel', 'Chur'])
  assert.is(chat.items.at(-1)?.text, 'Done.')
  await ask(chat, BERN)
  press(chat, { kind: 'key', name: 'escape' })
  await idle(chat)
  await send(chat, 'Hello')
  assert.is(chat.items.at(-1)?.text, 'Hello!')
  assert.equal(rolesOf(chat).slice(5), ['user', 'assistant', 'tool', 'assistant', 'user', 'assistant'])
  assert.match(chat.conversation.messages[7].content, /stopped/)
  for (const count of [9, 5, 0]) {
    await send(chat, '/undo')
    chat.input.set('')
    assert.is(rolesOf(chat).length, count)
  }
  assert.is(chat.map.tokens.length, 0)
})

test('of an answer that was cut anywhere run once it has been continued', async () => {
  const { tools } = toolbox()
  const final = async (cut?: number) => {
    const chat = await chatWith(parrot, { tools: () => tools, isAllowed: () => true })
    if (cut !== undefined) await send(chat, `/set max-tokens ${cut}`)
    await send(chat, BERN)
    if (cut !== undefined) {
      await send(chat, '/set max-tokens 100')
      await send(chat, '/continue')
    }
    return chat.conversation.messages.map(({ role, content, thinking, toolCalls = [] }) => {
      return [role, content, thinking, toolCalls.map(({ name, arguments: args }) => [name, args])]
    })
  }
  const whole = await final()
  for (const cut of [1, 7, 12, 15, 18]) assert.equal(await final(cut), whole, `cut after ${cut} tokens`)
})

test('of a continued answer stay once if the next answer is interrupted before it is asked for', async () => {
  const { tools } = toolbox()
  const chat = await chatWith(parrot, { tools: () => tools, isAllowed: () => true })
  await send(chat, '/set max-tokens 7')
  await send(chat, BERN)
  await send(chat, '/set max-tokens 100')
  const unsubscribe = chat.subscribe(() => {
    if (chat.items.at(-1)?.kind !== 'result') return
    unsubscribe()
    press(chat, { kind: 'key', name: 'ctrl-c' })
  })
  await send(chat, '/continue')
  assert.equal(rolesOf(chat), ['user', 'assistant', 'tool', 'assistant'])
  assert.equal(chat.conversation.messages.at(-1), { role: 'assistant', content: '' })
})

test.run()
