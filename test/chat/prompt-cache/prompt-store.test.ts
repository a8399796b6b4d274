import { readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Model } from '#molm/api/model.js'
import type { Session } from '#molm/api/session.js'
import { cacheKey } from '#molm/chat/prompt-cache/cache-key.js'
import { PromptStore } from '#molm/chat/prompt-cache/prompt-store.js'
import { loadModel } from '#molm/index.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

const test = suite('a folder of prompt caches')

const context: { model?: Model } = {}
test.before(async () => {
  context.model = await loadModel('nano', { threads: 1 })
})
test.after(async () => context.model?.dispose())

const ROOM = { most: 2 ** 30 }
const LONG = Array.from({ length: 80 }, (_, i) => 300 + i)

test('gives the cache that shares most tokens with a prompt, to later processes too', async () => {
  await withStore(async (folder, model) => {
    const store = await PromptStore.open(folder, ROOM)
    await store.save(await read(model, [...LONG, 1, 2, 3]), model)
    await store.save(await read(model, LONG.slice(0, 40)), model)
    await store.save(await read(model, [...LONG.slice(0, 50), 7, 8, 9]), model)
    assert.is((await readdir(folder)).length, 2, 'the beginning of another cache is not kept')
    const later = await PromptStore.open(folder, ROOM)
    const key = (await cacheKey(model)) ?? ''
    const found = later.find(key, [...LONG, 4, 5])
    assert.is(found?.common, 80)
    assert.is(later.find(key, LONG)?.common, 79, 'the last token must run')
    assert.is(later.find(key, [...LONG.slice(0, 50), 7, 1])?.common, 51)
    assert.is(later.find(key, [5, 6, 7]), undefined)
    assert.is(later.find('of another model', LONG), undefined)
    const session = model.createSession()
    assert.is(found && (await later.load(found.stored, session, model)), 83)
    const fresh = await read(model, [...LONG, 1, 2, 3])
    assert.equal((await session.forward([9])).logits, (await fresh.forward([9])).logits)
  })
})

test('replaces the beginning of a conversation by all of it, and writes nothing twice', async () => {
  await withStore(async (folder, model) => {
    const store = await PromptStore.open(folder, ROOM)
    const session = await read(model, LONG)
    await store.save(session, model)
    const [first] = await readdir(folder)
    const { mtimeMs } = await stat(join(folder, first))
    await store.save(await read(model, LONG.slice(0, 70)), model)
    assert.equal(await readdir(folder), [first])
    assert.is((await stat(join(folder, first))).mtimeMs, mtimeMs)
    await session.forward([1, 2, 3], { logits: 'none' })
    await store.save(session, model)
    const names = await readdir(folder)
    assert.is(names.length, 1)
    assert.is.not(names[0], first)
  })
})

test('does not use files that are damaged or removed, and says so', async () => {
  await withStore(async (folder, model) => {
    const store = await PromptStore.open(folder, ROOM)
    await store.save(await read(model, LONG), model)
    const [name] = await readdir(folder)
    await writeFile(join(folder, 'text.cache'), 'not a cache')
    await writeFile(join(folder, 'readme.txt'), 'not of molm')
    const notes: string[] = []
    const later = await PromptStore.open(folder, { ...ROOM, onNote: (note) => notes.push(note) })
    assert.is(notes.length, 1)
    assert.match(notes[0], /text\.cache: .*so it is not used/)
    const found = later.find((await cacheKey(model)) ?? '', LONG)
    await writeFile(join(folder, name), 'overwritten')
    const session = model.createSession()
    assert.is(found && (await later.load(found.stored, session, model)), 0)
    assert.is(session.length, 0)
    assert.is(later.find((await cacheKey(model)) ?? '', LONG), undefined)
  })
})

test('keeps within its size', async () => {
  await withStore(async (folder, model) => {
    const whole = await PromptStore.open(folder, ROOM)
    await whole.save(await read(model, LONG), model)
    const [name] = await readdir(folder)
    const { size } = await stat(join(folder, name))
    const small = await PromptStore.open(folder, { most: 2.5 * size })
    for (let i = 0; i < 4; i++) await small.save(await read(model, [i, ...LONG]), model)
    assert.is((await readdir(folder)).length, 2)
    const tiny = await PromptStore.open(folder, { most: size / 2 })
    assert.equal(await readdir(folder), [])
    await tiny.save(await read(model, LONG), model)
    assert.equal(await readdir(folder), [])
  })
})

test('does not keep a session that changes while it is saved', async () => {
  await withStore(async (folder, model) => {
    const store = await PromptStore.open(folder, ROOM)
    const session = await read(model, LONG)
    const saved = store.save(session, model).then(
      () => 'saved',
      (error: Error) => error.message,
    )
    for (let i = 0; i < 50; i++) session.forward([1], { logits: 'none' }).catch(() => undefined)
    const how = await saved
    if (how === 'saved') assert.is((await readdir(folder)).length, 1)
    else {
      assert.match(how, /the session changed while it was saved/)
      assert.equal(await readdir(folder), [])
    }
    const other = await read(model, LONG)
    const released = store.save(other, model).catch((error: Error) => error.message)
    other.dispose()
    await released
    assert.ok(
      (await readdir(folder)).every((name) => name.endsWith('.cache')),
      'no partial file is left',
    )
  })
})

async function withStore(use: (folder: string, model: Model) => Promise<void>): Promise<void> {
  const { model } = context
  if (!model) throw new Error('nano is not loaded')
  await inTemporaryFolder((folder) => use(folder, model))
}

async function read(model: Model, tokens: number[]): Promise<Session> {
  const session = model.createSession()
  await session.forward(tokens, { logits: 'none' })
  return session
}

test.run()
