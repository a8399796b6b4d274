import { readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { ConversationState } from '#molm/chat/conversations/conversation-state.js'
import type { Conversations } from '#molm/chat/conversations/conversations.js'
import { tableOf } from '#molm/cli/commands/conversation-list.js'
import { keepsHistory, keptCacheBytes } from '#molm/cli/parsing/keeping-options.js'
import { HAS_PSEUDO_TERMINAL } from '../support/pseudo-terminal.js'
import { ANSWER, QUESTION, typed, withHome } from './kept-home.js'
import { assertRefused, molm } from './molm.js'

const test = suite('kept conversations')
const inTerminal = HAS_PSEUDO_TERMINAL ? test : test.skip

const STATE = {
  messages: [
    { role: 'user', content: QUESTION },
    { role: 'assistant', content: ANSWER },
  ],
  system: '',
  model: 'nano',
}

async function keep(conversations: Conversations, state: ConversationState = STATE, name?: string): Promise<string> {
  const conversation = conversations.begin(state)
  await conversation.keep(state)
  if (name !== undefined) await conversation.rename(name)
  await conversation.close()
  return conversation.id
}

async function messagesOf(conversations: Conversations): Promise<string[]> {
  const info = await conversations.latest()
  assert.ok(info)
  const { messages } = await conversations.stateOf(info as { path: string })
  return messages.map(({ content }) => content)
}

inTerminal('a typed question is kept with its answer, and -c continues it in a pipe', async () => {
  await withHome(async ({ env, conversations, ask }) => {
    // Only what is typed is kept.
    assert.is((await ask(QUESTION)).code, 0)
    assert.equal(await conversations.list(), [])
    assert.match(await typed(env, QUESTION), ANSWER)
    const [file] = await readdir(conversations.folder)
    assert.match(file, /^\d{8}-\d{6}-[a-z\d]{6}-run\.jsonl$/)
    assert.equal(await messagesOf(conversations), [QUESTION, ANSWER])
    const { code, stdout, stderr } = await ask('run', '-c', 'What is a lighthouse?')
    assert.equal([code, stderr], [0, ''])
    assert.equal(await messagesOf(conversations), [QUESTION, ANSWER, 'What is a lighthouse?', stdout.trimEnd()])
    assert.equal(await readdir(conversations.folder), [file])
  })
})

test('MOLM_HISTORY=0 keeps nothing, as --no-history does', () => {
  const before = process.env.MOLM_HISTORY
  delete process.env.MOLM_HISTORY
  assert.equal([keepsHistory({}), keepsHistory({ history: false })], [true, false])
  process.env.MOLM_HISTORY = '0'
  assert.not(keepsHistory({}))
  delete process.env.MOLM_HISTORY
  if (before !== undefined) process.env.MOLM_HISTORY = before
})

test('$MOLM_CACHE_SIZE limits the caches beside conversations, and 0 keeps none', () => {
  assert.is(keptCacheBytes({}), 4 * 2 ** 30)
  assert.is(keptCacheBytes({ MOLM_CACHE_SIZE: '1GiB' }), 2 ** 30)
  assert.is(keptCacheBytes({ MOLM_CACHE_SIZE: '0' }), 0)
  assert.throws(() => keptCacheBytes({ MOLM_CACHE_SIZE: 'much' }), /MOLM_CACHE_SIZE must be a size like 4GiB.*'much'/)
})

test('-c continues in a copy while another process has the conversation open', async () => {
  await withHome(async ({ conversations, ask }) => {
    const conversation = conversations.begin(STATE)
    await conversation.keep(STATE)
    const { code, stderr } = await ask('run', '-c', 'What is a boat?')
    assert.is(code, 0)
    assert.is(stderr, 'molm: another process has it open; a copy is continued\n')
    await conversation.close()
    const list = await conversations.list()
    assert.equal(list.map(({ messages }) => messages).sort(), [2, 4])
  })
})

test('-c reads only what is new, and leaves a question without an answer out', async () => {
  await withHome(async ({ conversations, ask }) => {
    const turn = (n: number) => [
      { role: 'user', content: `What comes after the number ${n}, and why do people count at all?` },
      { role: 'assistant', content: `The number ${n + 1} comes after it; people count to know how many.` },
    ]
    const messages = [...Array.from({ length: 12 }, (_, n) => turn(n)).flat(), { role: 'user', content: 'Lost?' }]
    await keep(conversations, { ...STATE, messages, system: 'Be brief.' })
    const object = async (...args: string[]) => {
      const { stdout, stderr } = await ask('run', '-c', '--json', ...args)
      return { ...JSON.parse(stdout), stderr }
    }
    const first = await object(QUESTION)
    assert.match(first.stderr, /^molm: the last question has no complete answer; it is left out$/m)
    assert.is(first.timings.cached_tokens, 0)
    assert.ok(first.prompt_tokens > 200, `${first.prompt_tokens} tokens`)
    assert.equal((await messagesOf(conversations)).slice(23), [messages[23].content, QUESTION, first.text])
    const [info] = await conversations.list()
    assert.is((await conversations.stateOf(info)).system, 'Be brief.')
    const { mode } = await stat(join(conversations.folder, (await readdir(conversations.folder))[0]))
    assert.is(mode & 0o777, 0o600)
    const second = await object('What is a ship?')
    const { prompt_tokens, tokens, timings } = second
    assert.ok(timings.cached_tokens >= first.prompt_tokens, `${timings.cached_tokens} tokens cached`)
    assert.ok(prompt_tokens - timings.cached_tokens < 20, `${prompt_tokens} tokens in all`)
    assert.ok(tokens.length > 0)
    const names = await readdir(conversations.folder)
    assert.is(names.filter((name) => name.endsWith('.cache')).length, 1)
  })
})

test('at a terminal of 80 columns --list leaves room for the question, and its short ids are taken', async () => {
  const infoOf = (id: string, model: string, changed: Date) => {
    const title = 'What does the file shopping.txt say, and what is missing?'
    return { id, path: '', title, model, messages: 4, created: changed, changed }
  }
  const infos = [
    infoOf('20261202-043055-rzdl38', 'nano', new Date(2026, 11, 2, 4, 31)),
    infoOf('20261201-223055-abcd12-run', 'ibm-granite/granite-3.1-1b-a400m-instruct', new Date(2026, 11, 1, 22, 31)),
  ]
  assert.equal(tableOf(infos, 80, new Date(2026, 11, 2, 9)).split('\n'), [
    '  dl38  04:31       nano                      What does the file shopping.txt s…',
    '  cd12  2026-12-01  granite-3.1-1b-a400m-in…  What does the file shopping.txt s…',
    '',
  ])
  await withHome(async ({ env, conversations }) => {
    const id = await keep(conversations)
    const { stderr } = await molm(['chat', '--delete', id.slice(-4)], { env })
    assert.is(stderr, `molm: deleted ${id}: ${QUESTION}\n`)
  })
})

test('--delete removes a conversation with its cache, unless it is open', async () => {
  await withHome(async ({ env, conversations }) => {
    const id = await keep(conversations, STATE, 'lights')
    await keep(conversations, STATE, 'ships')
    const cache = join(conversations.folder, `${id}.cache`)
    await writeFile(cache, 'a cache')
    const open = await conversations.open(await conversations.find('lights'))
    const refused = await molm(['chat', '--delete', 'lights'], { env })
    assertRefused(refused, 1, /\.jsonl: not removed, since another process has it open/)
    await open.close()
    const { code, stdout, stderr } = await molm(['chat', '--delete', 'lights'], { env })
    assert.equal([code, stdout, stderr], [0, '', `molm: deleted ${id}: lights\n`])
    assert.equal((await readdir(conversations.folder)).length, 1)
    assertRefused(await molm(['chat', '--delete', 'lights'], { env }), 1, /no conversation has the name or id 'lights'/)
    const both = await molm(['chat', '--delete', 'ships', '--list'], { env })
    assert.equal([both.code, both.stderr], [2, 'molm: --list and --delete exclude each other\n'])
  })
})

test.run()
