import { appendFile, mkdir, readdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { ChatMessage } from '#molm/api/text.js'
import type { ConversationInfo } from '#molm/chat/conversations/conversation-info.js'
import { Conversations, shortId } from '#molm/chat/conversations/conversations.js'
import { takeLock } from '#molm/ground/files/lock.js'
import { each } from '../../support/each.js'
import { repositoryPath } from '../../support/fixtures.js'
import { rejectsWithUserError, thrownBy } from '../../support/rejects.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

const user = (content: string): ChatMessage => ({ role: 'user', content })
const answer = (content: string): ChatMessage => ({ role: 'assistant', content })
const TALK = [user('What is a lantern?'), answer('A lantern is a lamp.')]
const STATE = { messages: TALK, system: '', model: 'nano' }

/** A conversation with calls, thoughts and characters of all kinds. */
const WITH_TOOLS: ChatMessage[] = [
  user('Weather?\n\u{1f326}\u2028 "quoted" \\ \u0000'),
  {
    role: 'assistant',
    content: '',
    thinking: 'I ask.\n</think>',
    toolCalls: [{ id: 'c1', name: 'weather', arguments: { place: 'Oslo', days: [1, 2], deep: { a: null } } }],
  },
  { role: 'tool', content: '{"rain": true}', toolCallId: 'c1', name: 'weather' },
  { role: 'assistant', content: 'It rains.', thinking: 'done' },
]

/** Runs `use` with a folder for conversations that does not exist yet. */
const withFolder = (use: (dir: string, conversations: Conversations) => Promise<void>) =>
  inTemporaryFolder((dir) => {
    const folder = join(dir, 'home', 'conversations')
    return use(folder, Conversations.at(folder))
  })

/** Keeps a conversation, and closes it. Resolves with its id. */
async function kept(conversations: Conversations, state = STATE, name?: string): Promise<string> {
  const conversation = conversations.begin(state)
  await conversation.keep(state)
  if (name !== undefined) await conversation.rename(name)
  await conversation.close()
  return conversation.id
}

async function newest(conversations: Conversations): Promise<ConversationInfo> {
  const info = await conversations.latest()
  assert.ok(info)
  return info as ConversationInfo
}

const linesOf = async (path: string) =>
  (await readFile(path, 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))

test('a conversation has no file before its first message', async () => {
  await withFolder(async (folder, conversations) => {
    const conversation = conversations.begin({ ...STATE, messages: [] })
    await conversation.keep({ ...STATE, messages: [], system: 'Be brief.' })
    await conversation.rename('lamps')
    assert.is(await stat(folder).catch(() => undefined), undefined)
    await conversation.keep({ ...STATE, system: 'Be brief.' })
    await conversation.close()
    assert.equal(await readdir(folder), [`${conversation.id}.jsonl`])
    const [head, ...others] = await linesOf(conversation.path)
    assert.equal({ ...head, created: '' }, { molm: 'conversation', version: 1, created: '', model: 'nano' })
    assert.ok(!Number.isNaN(Date.parse(head.created)))
    assert.equal(
      others.map(({ at, ...line }) => line),
      [{ rename: 'lamps' }, { system: 'Be brief.' }, ...TALK],
    )
  })
})

test('only what is new is appended, and what no longer counts is said', async () => {
  await withFolder(async (_, conversations) => {
    const conversation = conversations.begin(STATE)
    await conversation.keep({ ...STATE, messages: TALK.slice(0, 1) })
    await conversation.keep(STATE)
    const before = await readFile(conversation.path, 'utf8')
    await conversation.keep(STATE)
    assert.is(await readFile(conversation.path, 'utf8'), before)
    const changed = { messages: [TALK[0], answer('Another.')], system: '', model: 'other', mask: ['3:mlp:5'] }
    await conversation.keep(changed)
    const after = await readFile(conversation.path, 'utf8')
    assert.ok(after.startsWith(before))
    const added = after
      .slice(before.length)
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    assert.equal(
      added.map(({ at, ...line }) => line),
      [{ model: 'other' }, { mask: ['3:mlp:5'] }, { keep: 1, ...answer('Another.') }],
    )
    await conversation.close()
    const again = await conversations.open(await newest(conversations))
    assert.equal(again.state, changed)
    await again.close()
  })
})

test('a message that changes in place is kept again', async () => {
  await withFolder(async (_, conversations) => {
    const messages = TALK.map((message) => ({ ...message }))
    const conversation = conversations.begin(STATE)
    await conversation.keep({ ...STATE, messages })
    messages[1].content += ' It glows.'
    await conversation.keep({ ...STATE, messages })
    await conversation.close()
    const again = await conversations.open(await newest(conversations))
    assert.is(again.state.messages[1].content, 'A lantern is a lamp. It glows.')
    await again.close()
  })
})

test('calls, their results and thoughts survive', async () => {
  await withFolder(async (_, conversations) => {
    const id = await kept(conversations, { ...STATE, messages: WITH_TOOLS, system: 'Line\nbreak' })
    const again = await conversations.open(await conversations.find(id))
    assert.equal(again.state, { messages: WITH_TOOLS, system: 'Line\nbreak', model: 'nano' })
    assert.not(again.isCopy)
    await again.close()
  })
})

test('changes of a conversation that was opened are appended to its file', async () => {
  await withFolder(async (folder, conversations) => {
    await kept(conversations)
    const again = await conversations.open(await newest(conversations))
    await again.keep({ ...STATE, messages: [...TALK, user('And a lamp?')] })
    await again.close()
    assert.is((await readdir(folder)).length, 1)
    const { messages, title } = await newest(conversations)
    assert.equal([messages, title], [3, 'What is a lantern?'])
  })
})

test('files are readable only by their owner', async () => {
  await withFolder(async (folder, conversations) => {
    const id = await kept(conversations)
    assert.is((await stat(folder)).mode & 0o777, 0o700)
    assert.is((await stat(join(folder, `${id}.jsonl`))).mode & 0o777, 0o600)
  })
})

test('a list has the latest change first, with names, titles and counts', async () => {
  await withFolder(async (folder, conversations) => {
    const ids = [
      await kept(conversations, STATE, 'lamps'),
      await kept(conversations, { ...STATE, messages: [user(`A  long\n${'question '.repeat(20)}`)] }),
      await kept(conversations, { ...STATE, messages: WITH_TOOLS, model: 'other' }),
    ]
    for (const [i, id] of ids.entries()) await utimes(join(folder, `${id}.jsonl`), i, i)
    const list = await conversations.list()
    assert.equal(each(list, 'id'), [...ids].reverse())
    assert.equal(
      list.map(({ name, model, messages }) => [name, model, messages]),
      [
        [undefined, 'other', 4],
        [undefined, 'nano', 1],
        ['lamps', 'nano', 2],
      ],
    )
    assert.is(list[1].title.length, 60)
    assert.match(list[1].title, /^A long question question .*…$/)
    assert.not.match(list[0].title, /[\p{Cc}\p{Zl}]/u)
    assert.is((await conversations.latest())?.id, ids[2])
  })
})

test('a conversation without messages is not listed and not continued, unless it has a name', async () => {
  await withFolder(async (_, conversations) => {
    const earlier = await kept(conversations, STATE)
    const conversation = conversations.begin(STATE)
    await conversation.keep(STATE)
    await conversation.keep({ ...STATE, messages: [] })
    assert.equal(each(await conversations.list(), 'id'), [earlier])
    assert.is((await conversations.latest())?.id, earlier)
    assert.is((await conversations.find(conversation.id)).title, '(no question)')
    await conversation.rename('ideas')
    assert.equal(each(await conversations.list(), 'title'), ['ideas', 'What is a lantern?'])
    assert.is((await conversations.latest())?.id, conversation.id)
    await conversation.close()
  })
})

test('the first question is the first that still counts', async () => {
  await withFolder(async (_, conversations) => {
    const conversation = conversations.begin(STATE)
    await conversation.keep(STATE)
    await conversation.keep({ ...STATE, messages: [] })
    await conversation.keep({ ...STATE, messages: [user('A new one?')] })
    await conversation.close()
    const [info] = await conversations.list()
    assert.is(info.title, 'A new one?')
    assert.is(info.messages, 1)
  })
})

test('a conversation is found by four last letters of its id or more, and the list has as many as this takes', async () => {
  await withFolder(async (folder, conversations) => {
    const text = await readFile(join(folder, `${await kept(conversations, STATE, 'b2c3 lamps')}.jsonl`))
    const ids = [
      '20240102-030405-a1b2c3',
      '20240102-030405-z1b2c3-run',
      '20240102-030405-aaxyz9',
      '20240102-030405-aaxyz8',
    ]
    for (const id of ids) await writeFile(join(folder, `${id}.jsonl`), text)
    assert.is((await conversations.find('XYZ9')).id, ids[2])
    assert.is((await conversations.find('a1b2c3')).id, ids[0])
    assert.is((await conversations.find('z1b2c3')).id, ids[1])
    await rejectsWithUserError(() => conversations.find('1b2c3'), /'1b2c3' fits 2 conversations: /)
    await rejectsWithUserError(() => conversations.find('yz9'), /no conversation has/)
    const all = await conversations.list()
    const shortened = ids.map((id) => shortId(all.find((info) => info.id === id) ?? all[0], all))
    assert.equal(shortened, ['a1b2c3', 'z1b2c3', 'xyz9', 'xyz8'])
    for (const [i, short] of shortened.entries()) assert.is((await conversations.find(short)).id, ids[i])
  })
})

test('a conversation is found by its id, its name, or the beginning of one', async () => {
  await withFolder(async (folder, conversations) => {
    const lamps = await kept(conversations, STATE, 'Lamps')
    await kept(conversations, STATE, 'violins')
    await kept(conversations, STATE, 'twice')
    await kept(conversations, STATE, 'twice')
    await writeFile(join(folder, '20200101-000000-aaaaaa.jsonl'), await readFile(join(folder, `${lamps}.jsonl`)))
    assert.is((await conversations.find(lamps)).id, lamps)
    assert.is((await conversations.find('2020')).id, '20200101-000000-aaaaaa')
    assert.is((await conversations.find('VIO')).name, 'violins')
    await rejectsWithUserError(() => conversations.find('lamps'), /'lamps' fits 2 conversations: /)
    await rejectsWithUserError(() => conversations.find('twice'), /'twice' fits 2 conversations: /)
    await rejectsWithUserError(() => conversations.find('nothing'), /no conversation has the name or id 'nothing'/)
    for (const name of ['', ' ', '../../x', '/etc/passwd', '\u001b[2J', 'x'.repeat(10_000)]) {
      const message = await rejectsWithUserError(() => conversations.find(name), /no conversation has/)
      assert.not.match(message, /\p{Cc}/u)
      assert.ok(message.length < 300)
    }
  })
})

test('without a folder there is no conversation', async () => {
  await withFolder(async (_, conversations) => {
    assert.equal(await conversations.list(), [])
    assert.is(await conversations.latest(), undefined)
    await conversations.removeOldRuns()
  })
})

test('a hostile name becomes one short line, and never a path', async () => {
  await withFolder(async (folder, conversations) => {
    const id = await kept(conversations, STATE, `../../x\n\u001b[2J${'long '.repeat(100)}`)
    const [info] = await conversations.list()
    assert.is(info.name, info.title)
    assert.match(info.title, /^\.\.\/\.\.\/x \ufffd\[2Jlong /)
    assert.is([...info.title].length, 60)
    assert.equal(await readdir(folder), [`${id}.jsonl`])
    const conversation = await conversations.open(info)
    await conversation.rename('')
    await conversation.close()
    assert.is((await conversations.list())[0].name, undefined)
  })
})

test('an incomplete last line is dropped, and the next change replaces it', async () => {
  await withFolder(async (folder, conversations) => {
    const path = join(folder, `${await kept(conversations)}.jsonl`)
    await appendFile(path, '{"role":"user","content":"And a la')
    assert.is((await conversations.list())[0].messages, 2)
    const again = await conversations.open(await newest(conversations))
    assert.equal(again.state.messages, TALK)
    await again.keep({ ...STATE, messages: [...TALK, user('And?')] })
    await again.close()
    assert.equal((await linesOf(path)).length, 4)
  })
})

test('a file without a whole first line is no conversation', async () => {
  await withFolder(async (folder, conversations) => {
    const id = await kept(conversations)
    await writeFile(join(folder, '20990101-000000-aaaaaa.jsonl'), '')
    await writeFile(join(folder, '20990101-000000-bbbbbb.jsonl'), '{"molm":"conver')
    assert.equal(
      (await conversations.list()).map((info) => info.id),
      [id],
    )
    assert.is((await conversations.latest())?.id, id)
    await rejectsWithUserError(() => conversations.find('20990101-000000-aaaaaa'), /is empty/)
  })
})

test('a damaged line is refused with its number', async () => {
  await withFolder(async (folder, conversations) => {
    const path = join(folder, `${await kept(conversations)}.jsonl`)
    const [head, question, reply] = (await readFile(path, 'utf8')).trimEnd().split('\n')
    const cases: [string, RegExp][] = [
      ['{"role":"user"', /line 2: not valid JSON/],
      ['{"role":"usr","content":"x"}', /line 2: "role" must be system, developer/],
      ['{"role":"user","content":"x","extra":1}', /line 2: "extra" is not supported/],
      ['{"keep":-1,"role":"user","content":"x"}', /line 2: "keep" must be a number of messages/],
      ['{"keep":-1}', /line 2: neither a message nor an event/],
      ['[]', /line 2: a JSON object was expected/],
      ['', /line 2: not valid JSON/],
    ]
    for (const [line, pattern] of cases) {
      await writeFile(path, `${[head, line, reply].join('\n')}\n`)
      await rejectsWithUserError(() => conversations.open({ id: 'x', path }), pattern)
    }
    await writeFile(path, `${[question, head].join('\n')}\n`)
    await rejectsWithUserError(() => conversations.open({ id: 'x', path }), /not a kept conversation/)
    assert.equal(
      (await readdir(folder)).filter((name) => name.endsWith('.lock')),
      [],
    )
  })
})

test('unreadable files are left out of a list, with their reasons', async () => {
  await withFolder(async (folder, conversations) => {
    const id = await kept(conversations)
    const other = join(folder, '..', 'secret.jsonl')
    await writeFile(other, await readFile(join(folder, `${id}.jsonl`)))
    await writeFile(join(folder, 'foreign.jsonl'), 'hello\n')
    await writeFile(join(folder, 'later.jsonl'), '{"molm":"conversation","version":2,"created":"x"}\n')
    await writeFile(join(folder, 'not a name.jsonl'), 'ignored\n')
    await writeFile(join(folder, 'notes.txt'), 'ignored\n')
    await mkdir(join(folder, 'folder.jsonl'))
    await symlink(other, join(folder, 'link.jsonl'))
    const reasons: string[] = []
    const list = await conversations.list((reason) => reasons.push(reason.replace(folder, '')))
    assert.equal(
      list.map((info) => info.id),
      [id],
    )
    assert.equal(reasons.sort(), [
      '/foreign.jsonl: not a kept conversation',
      '/later.jsonl: version 2 of kept conversations; this molm reads 1; update molm',
      '/link.jsonl: is a link; molm opens only files here',
    ])
    await rejectsWithUserError(() => conversations.find('later'), /version 2 of kept conversations/)
    const link = { id: 'link', path: join(folder, 'link.jsonl') }
    await rejectsWithUserError(() => conversations.open(link), /is a link/)
    assert.is(await readFile(other, 'utf8'), await readFile(join(folder, `${id}.jsonl`), 'utf8'))
  })
})

test('a conversation of the first version is read', async () => {
  await withFolder(async (folder, conversations) => {
    await mkdir(folder, { recursive: true })
    const lines = [
      { molm: 'conversation', version: 1, created: '2026-11-27T16:00:00.000Z', model: 'nano' },
      { system: 'Be brief.' },
      { role: 'user', content: 'Weather?', at: '2026-11-27T16:00:00.000Z' },
      { role: 'assistant', content: 'no', at: '2026-11-27T16:00:01.000Z' },
      { keep: 1 },
      { role: 'assistant', content: 'no', at: '2026-11-27T16:00:01.000Z' },
      {
        keep: 1,
        role: 'assistant',
        content: '',
        reasoning_content: 'I ask.',
        tool_calls: [{ id: 'c1', type: 'function', function: { name: 'weather', arguments: '{"place":"Oslo"}' } }],
        at: '2026-11-27T16:00:02.000Z',
      },
      { role: 'tool', content: 'rain', tool_call_id: 'c1', name: 'weather', at: '2026-11-27T16:00:03.000Z' },
      { rename: 'weather' },
      { model: 'other' },
    ]
    const path = join(folder, '20261127-160000-abcdef.jsonl')
    await writeFile(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
    const info = await conversations.find('weather')
    assert.equal([info.title, info.model, info.messages], ['weather', 'other', 3])
    assert.is(info.created.toISOString(), '2026-11-27T16:00:00.000Z')
    const conversation = await conversations.open(info)
    assert.equal(conversation.state, {
      system: 'Be brief.',
      model: 'other',
      messages: [
        user('Weather?'),
        {
          role: 'assistant',
          content: '',
          thinking: 'I ask.',
          toolCalls: [{ id: 'c1', name: 'weather', arguments: { place: 'Oslo' } }],
        },
        { role: 'tool', content: 'rain', toolCallId: 'c1', name: 'weather' },
      ],
    })
    assert.is(conversation.id, info.id)
    await conversation.close()
  })
})

test('the conversation in docs/MODELS.md is read', async () => {
  await withFolder(async (folder, conversations) => {
    const document = await readFile(repositoryPath('docs/MODELS.md'), 'utf8')
    const [, lines] = /```json\n(\{"molm":"conversation"[^`]*)```/.exec(document) ?? []
    await mkdir(folder, { recursive: true })
    await writeFile(join(folder, '20261127-161459-abcdef.jsonl'), lines)
    const state = await conversations.stateOf(await conversations.find('lanterns'))
    const messages = [user('What is a lantern?'), answer('A light inside a case.')]
    assert.equal(state, { messages, system: 'Be brief.', model: 'nano' })
  })
})

test('a conversation that another chat has open is continued in a copy', async () => {
  await withFolder(async (_, conversations) => {
    const first = conversations.begin(STATE)
    await first.keep(STATE)
    await first.rename('lamps')
    const second = await conversations.open(await newest(conversations))
    assert.ok(second.isCopy)
    assert.match(second.copyReason ?? '', /another process has it open/)
    assert.is(second.name, 'lamps (copy)')
    assert.is.not(second.path, first.path)
    assert.equal(second.state, STATE)
    assert.is((await conversations.list()).length, 1)
    await second.keep({ ...STATE, messages: [...TALK, user('In the copy?')] })
    await first.keep({ ...STATE, messages: [...TALK, user('In the first?')] })
    await Promise.all([first.close(), second.close()])
    const copy = await conversations.open(await conversations.find('lamps (copy)'))
    assert.equal(copy.state.messages, [...TALK, user('In the copy?')])
    await copy.close()
    const original = await conversations.open(await conversations.find('lamps'))
    assert.not(original.isCopy)
    assert.equal(original.state.messages, [...TALK, user('In the first?')])
    await original.close()
  })
})

test('after its end a conversation keeps nothing and can be opened', async () => {
  await withFolder(async (folder, conversations) => {
    const conversation = conversations.begin(STATE)
    const writing = conversation.keep(STATE)
    await conversation.close()
    await writing
    await conversation.keep({ ...STATE, messages: [] })
    assert.is((await conversations.list())[0].messages, 2)
    assert.is((await readdir(folder)).length, 1)
  })
})

test('a message that is too long to be read again is refused, and the next is kept', async () => {
  await withFolder(async (_, conversations) => {
    const conversation = conversations.begin(STATE)
    const long = user('x'.repeat(2 ** 25))
    await rejectsWithUserError(
      () => conversation.keep({ ...STATE, messages: [long] }),
      /a message of 33\.6 MB is too long/,
    )
    await conversation.keep({ ...STATE, messages: [user('x'.repeat(2 ** 24))] })
    await conversation.close()
    const again = await conversations.open(await newest(conversations))
    assert.is(again.state.messages[0].content.length, 2 ** 24)
    await again.close()
  })
})

test('a failed write is an error in words, and the next one writes everything', async () => {
  await withFolder(async (folder, conversations) => {
    await mkdir(join(folder, '..'), { recursive: true })
    await writeFile(folder, 'a file in the way')
    const conversation = conversations.begin(STATE)
    await rejectsWithUserError(() => conversation.keep(STATE), /cannot be written|a part of the path is a file/)
    await rejectsWithUserError(() => conversation.rename('lamps'), /cannot be written|a part of the path is a file/)
    await rm(folder)
    await conversation.keep(STATE)
    await conversation.close()
    assert.is((await conversations.find('lamps')).messages, 2)
  })
})

test('a file that is removed while its conversation is open does not come back, and no write seems to succeed', async () => {
  await withFolder(async (folder, conversations) => {
    const conversation = conversations.begin(STATE)
    await conversation.keep(STATE)
    await rm(folder, { recursive: true })
    const longer = { ...STATE, messages: [...TALK, user('And a torch?')] }
    for (let tries = 0; tries < 2; tries++) {
      await rejectsWithUserError(() => conversation.keep(longer), /jsonl: was removed while the conversation was open/)
    }
    await conversation.close()
    assert.equal(await conversations.list(), [])
  })
})

test('only the latest hundred of molm run stay, and all of the chat', async () => {
  await withFolder(async (folder, conversations) => {
    const runs = Conversations.at(folder, 'run')
    await kept(conversations)
    const first = await kept(runs)
    const text = await readFile(join(folder, `${first}.jsonl`), 'utf8')
    for (let i = 0; i < 104; i++) {
      const path = join(folder, `20000101-000000-${String(i).padStart(6, '0')}-run.jsonl`)
      await writeFile(path, text)
      await utimes(path, i, i)
    }
    const held = await takeLock(join(folder, '20000101-000000-000001-run.lock'), 'x')
    await writeFile(join(folder, '20000101-000000-000000-run.cache'), 'cache')
    await runs.removeOldRuns()
    await held.release()
    const left = (await readdir(folder)).sort()
    assert.is(left.filter((name) => name.endsWith('-run.jsonl')).length, 101)
    assert.ok(left.includes(`${first}.jsonl`))
    assert.ok(left.includes('20000101-000000-000001-run.jsonl'))
    assert.not(left.includes('20000101-000000-000004-run.jsonl'))
    assert.ok(left.includes('20000101-000000-000005-run.jsonl'))
    assert.is(left.length, 102)
  })
})

test('a chat takes over a conversation of molm run', async () => {
  await withFolder(async (folder, conversations) => {
    const runs = Conversations.at(folder, 'run')
    const id = await kept(runs)
    assert.match(id, /-run$/)
    const continued = await runs.open(await newest(runs))
    assert.is(continued.id, id)
    await continued.close()
    await writeFile(continued.cachePath, 'cache')
    const conversation = await conversations.open(await newest(conversations))
    assert.is(conversation.id, id.replace('-run', ''))
    await conversation.keep({ ...STATE, messages: [...TALK, user('more')] })
    const copy = await conversations.open(await newest(conversations))
    assert.ok(copy.isCopy)
    await Promise.all([conversation.close(), copy.close()])
    assert.equal((await readdir(folder)).sort(), [`${conversation.id}.cache`, `${conversation.id}.jsonl`])
    assert.is((await conversations.find(id.replace('-run', ''))).messages, 3)
  })
})

test('errors other than a refusal are passed on', async () => {
  await withFolder(async (folder, conversations) => {
    const id = await kept(conversations)
    const gone = { id, path: join(folder, 'gone.jsonl') }
    assert.match(String(await thrownBy(conversations.open(gone))), /cannot be read/)
  })
})

test.run()
