import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Conversations } from '#molm/chat/conversations/conversations.js'
import { cellWidth } from '#molm/ground/output/cell-width.js'
import type { Chat } from '#molm/terminal/conversation/chat-state.js'
import { listLines, resumeKept } from '#molm/terminal/conversation/commands/conversation-commands.js'
import { press } from '#molm/terminal/conversation/commands/keys.js'
import { lastTurns } from '#molm/terminal/conversation/state/past-turns.js'
import { mixturesOf, modelOf, plainRoutes } from '../support/chats.js'
import { chatWith, enter, idle, send } from '../support/real-chat.js'
import { type ScriptedAnswer, scripted } from '../support/scripted-model.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { until } from '../support/until.js'

/** A chat that keeps its conversations in a folder, and gives these answers, then empty ones. */
async function keeping(folder: string, answers: ScriptedAnswer[] = []): Promise<Chat> {
  const mixtures = mixturesOf(2, { mlp: 4 })
  const { model } = scripted(modelOf(mixtures, 2, 'acme/tiny'), plainRoutes(mixtures), answers)
  Object.assign(model.info, { path: '/models/tiny', kind: 'packed' })
  return chatWith(model, { conversations: Conversations.at(folder) })
}

const says = (...texts: string[]): ScriptedAnswer[] => texts.map((text) => ({ text }))

/** The lines of all kept conversations, without their times. */
async function linesIn(folder: string): Promise<unknown[][]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.jsonl')).sort()
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')))
  return texts.map((text) =>
    text
      .trimEnd()
      .split('\n')
      .slice(1)
      .map((line) => {
        const { at, ...rest } = JSON.parse(line)
        return rest
      }),
  )
}

/** Waits until work that is under way has this result: writes are flushed to the disk, which takes a while. */
async function becomes<T>(look: () => Promise<T>, expected: T): Promise<void> {
  let found: unknown
  const isExpected = async () => {
    found = await look().catch((error: unknown) => error)
    return JSON.stringify(found) === JSON.stringify(expected)
  }
  await until(isExpected, JSON.stringify(expected)).catch(() => assert.equal(found, expected))
}

async function contentsOf(folder: string): Promise<string[][]> {
  const infos = await Conversations.at(folder).list()
  const all = infos.map(async (info) => {
    const kept = await Conversations.at(folder).open(info)
    const contents = kept.state.messages.map(({ content }) => content)
    await kept.close()
    return contents
  })
  return Promise.all(all)
}

const lastNote = (chat: Chat) => chat.items.at(-1)?.text ?? ''

test('a question is kept before its answer comes, and the answer once it is complete', async () => {
  await inTemporaryFolder(async (dir) => {
    const chat = await keeping(join(dir, 'kept'), [
      { text: 'One.', ending: 'waits until it is aborted' },
      { text: 'Two.' },
    ])
    enter(chat, 'first')
    await until(() => chat.running?.text === 'One.', 'the answer')
    await becomes(() => linesIn(join(dir, 'kept')), [[{ role: 'user', content: 'first' }]])
    press(chat, { kind: 'key', name: 'escape' })
    await idle(chat)
    await send(chat, 'second')
    await chat.keeper.close()
    const [lines] = await linesIn(join(dir, 'kept'))
    assert.equal(lines, [
      { role: 'user', content: 'first' },
      { role: 'assistant', content: 'One.' },
      { role: 'user', content: 'second' },
      { role: 'assistant', content: 'Two.' },
    ])
    const [{ path }] = await Conversations.at(join(dir, 'kept')).list()
    assert.is((await stat(path)).mode & 0o777, 0o600)
    assert.is((await stat(join(dir, 'kept'))).mode & 0o777, 0o700)
  })
})

test('an answer that is stopped before its first word is not kept', async () => {
  await inTemporaryFolder(async (dir) => {
    const chat = await keeping(dir, [{ text: '', ending: 'waits until it is aborted' }, ...says('One.')])
    enter(chat, 'first')
    await becomes(() => linesIn(dir), [[{ role: 'user', content: 'first' }]])
    press(chat, { kind: 'key', name: 'escape' })
    await idle(chat)
    await chat.keeper.settled()
    assert.equal(await linesIn(dir), [[{ role: 'user', content: 'first' }]])
    await send(chat, '/retry')
    await chat.keeper.close()
    assert.equal(await contentsOf(dir), [['first', 'One.']])
  })
})

test('/retry replaces an answer only when the new one is complete; /undo, /system and /continue are kept, too', async () => {
  await inTemporaryFolder(async (dir) => {
    const chat = await keeping(dir, [
      ...says('Old.'),
      { text: 'Ne', ending: 'waits until it is aborted' },
      ...says('w.', 'x'),
    ])
    await send(chat, 'first')
    enter(chat, '/retry')
    await until(() => chat.running?.text === 'Ne', 'the answer')
    await becomes(async () => (await linesIn(dir))[0].at(-1), { role: 'assistant', content: 'Old.' })
    press(chat, { kind: 'key', name: 'escape' })
    await idle(chat)
    await becomes(() => contentsOf(dir), [['first', 'Ne']])
    await send(chat, '/continue')
    await becomes(() => contentsOf(dir), [['first', 'New.']])
    await send(chat, '/system Be brief.')
    await send(chat, 'second')
    await send(chat, '/undo')
    await chat.keeper.close()
    assert.equal(await contentsOf(dir), [['first', 'New.']])
    assert.ok((await linesIn(dir))[0].some((line) => JSON.stringify(line) === '{"system":"Be brief."}'))
  })
})

test('a chat without a question has no file, and /reset begins another conversation', async () => {
  await inTemporaryFolder(async (dir) => {
    const chat = await keeping(dir, says('One.', 'Two.'))
    chat.begin({ system: 'Hm.', prefill: '', messages: [{ role: 'user', content: 'given' }], args: {}, files: [] })
    await send(chat, '/system Be brief.')
    await send(chat, '/undo')
    chat.input.set('')
    assert.equal(await readdir(dir), [])
    await send(chat, 'first')
    await send(chat, '/reset')
    await send(chat, 'second')
    await chat.keeper.close()
    assert.equal((await contentsOf(dir)).sort(), [
      ['first', 'One.'],
      ['second', 'Two.'],
    ])
  })
})

test('a conversation that another chat has open is continued as a copy', async () => {
  await inTemporaryFolder(async (dir) => {
    const one = await keeping(dir, says('One.'))
    await send(one, 'first')
    await one.keeper.settled()
    const other = await keeping(dir, says('Two.'))
    await send(other, '/resume 1')
    const notes = other.items.slice(-4, -2).map(({ text }) => text.replace(/\d{8}-\S+(?=:)/, 'ID'))
    assert.equal(notes, ['a copy of ID: 2 messages', 'what follows is not added to it: another process has it open'])
    assert.is(other.keeper.current, undefined, 'nothing of the copy is kept yet')
    await send(other, 'second')
    await one.keeper.close()
    await other.keeper.close()
    assert.equal((await contentsOf(dir)).sort(), [
      ['first', 'One.'],
      ['first', 'One.', 'second', 'Two.'],
    ])
  })
})

test('a conversation of another model, system text and name is continued with all of them', async () => {
  await inTemporaryFolder(async (dir) => {
    const conversations = Conversations.at(dir)
    const kept = conversations.begin({
      messages: [{ role: 'user', content: 'first' }],
      system: 'Be kind.',
      model: '/m/big',
    })
    await kept.keep(kept.state)
    const chat = await keeping(dir)
    await resumeKept(chat, kept)
    assert.match(chat.items[0].text, /^resumed \S+: 1 message; it was with big$/)
    assert.is(lastNote(chat), 'this question has no answer yet: /retry answers it')
    assert.is(chat.conversation.parts.system, 'Be kind.')
    await send(chat, '/retry')
    await chat.keeper.close()
    assert.ok((await linesIn(dir))[0].some((line) => JSON.stringify(line) === '{"model":"/models/tiny"}'))
  })
})

test('a failure to write is said once, and the next turn writes all that is missing', async () => {
  await inTemporaryFolder(async (dir) => {
    const folder = join(dir, 'kept')
    await writeFile(folder, '')
    const chat = await keeping(folder, says('One.', 'Two.', 'Three.'))
    await send(chat, 'first')
    await send(chat, 'second')
    const notes = chat.items.filter(({ kind }) => kind === 'note').map(({ text }) => text)
    assert.is(notes.length, 1)
    assert.match(notes[0], /^this conversation is not kept: .*kept/)
    assert.is(chat.keeper.current, undefined)
    await rm(folder)
    await send(chat, 'third')
    await chat.keeper.close()
    assert.equal(await contentsOf(folder), [['first', 'One.', 'second', 'Two.', 'third', 'Three.']])
  })
})

test('what /save writes is for the user alone', async () => {
  await inTemporaryFolder(async (dir) => {
    const chat = await keeping(join(dir, 'kept'), says('A light.'))
    await send(chat, 'What is a lantern?')
    await send(chat, `/save ${dir}/talk.md`)
    assert.is((await stat(join(dir, 'talk.md'))).mode & 0o777, 0o600)
    await chat.keeper.close()
  })
})

test('the last turns of a long conversation are shown, and the number of those before', () => {
  const messages = Array.from({ length: 40 }, (_, i) => [
    { role: 'user', content: `question ${i}` },
    { role: 'assistant', content: `answer ${i}` },
  ]).flat()
  const size = { columns: 80, rows: 10 }
  const { items, earlier } = lastTurns(messages, size)
  assert.equal([items.length, earlier, items[0].text], [10, 35, 'question 35'])
  assert.is(lastTurns(messages.slice(0, 4), size).earlier, 0)
  assert.equal(lastTurns([], size), { items: [], earlier: 0 })
  const long = 'word '.repeat(100_000)
  const cut = lastTurns(
    [{ role: 'user', content: 'short' }, ...messages.slice(0, 1), { role: 'assistant', content: long }],
    size,
  )
  assert.equal([cut.earlier, cut.items.length], [1, 2])
  assert.match(cut.items[1].text, /^\.\.\. 498400 earlier characters\nword word/)
})

test('a list fits its width, whatever the titles', () => {
  const changed = new Date('2026-11-27T10:00:00Z')
  const now = new Date('2026-11-27T13:20:00Z')
  const infoOf = (title: string, id: string, messages: number) => {
    return { id, path: '', title, model: 'nano', messages, created: changed, changed }
  }
  const infos = [infoOf('日本語の質問です、とても長い題名', 'a', 4), infoOf('short', 'b', 128), infoOf('x', 'c', 1)]
  const lines = listLines(infos, { current: 'b', width: 50, most: 2, now })
  assert.equal(
    lines.map((line) => line.replace(/ +/g, ' ')),
    [
      ' 1 日本語の質問で… 4 messages 3 h 20 min ago',
      '› 2 short 128 messages 3 h 20 min ago',
      '... 1 more: molm chat --list',
    ],
  )
  assert.equal(lines.slice(0, 2).map(cellWidth), [50, 50])
  assert.ok(listLines(infos, { width: 20, most: 3, now }).every((line) => line.length <= 20))
  const old = listLines(infos, { width: 79, most: 3, now: new Date('2027-01-01') })
  assert.match(old[2], /2026-11-27$/)
})

test.run()
