import { copyFile, cp, mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Model } from '#molm/api/model.js'
import type { Session } from '#molm/api/session.js'
import { limitCaches, loadCache, saveCache } from '#molm/chat/prompt-cache/prompt-cache.js'
import { convertModel } from '#molm/index.js'
import type { ExpertMask } from '#molm/model/config/expert-mask.js'
import { fixturePath } from '../../support/fixtures.js'
import { withModel } from '../../support/models.js'

const test = suite('a prompt cache')

const TINY = fixturePath('02-base-safetensors-f32')
const ONE = { threads: 1 }

let folder = ''
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'molm-prompt-cache-'))
})
test.after(() => rm(folder, { recursive: true, force: true }))

/** Hybrid models need running states, windows and checkpoints. */
for (const name of ['82-lfm2moe-bf16-sharded', '71-gptoss-bf16-sharded']) {
  test(`of ${name} has its states and windows, and can be cut back`, async () => {
    const path = join(folder, `${name}.cache`)
    const tokens = Array.from({ length: 230 }, (_, i) => (i * 31) % 200)
    await withModel(fixturePath(name), ONE, async (model) => {
      const session = await read(model, tokens)
      assert.is(await saveCache(path, session, model), 230)
      for (const length of [230, 131]) {
        const other = model.createSession()
        assert.is(await loadCache(path, other, model), 230)
        other.truncate(length)
        const fresh = await read(model, tokens.slice(0, length))
        assert.equal(await logitsAfter(other), await logitsAfter(fresh))
      }
    })
  })
}

test('lets the second start of a long conversation read only what is new, to the same bits', async () => {
  const path = join(folder, 'long.cache')
  const talk = Array.from({ length: 40 }, (_, i) => [
    {
      role: 'user',
      content: `Tell me about number ${i}: what comes before it, what after it, and why do people count?`,
    },
    {
      role: 'assistant',
      content: `Number ${i} comes after ${i - 1} and before ${i + 1}; people count to know how many.`,
    },
  ]).flat()
  const asked = [...talk, { role: 'user', content: 'What is a lantern?' }]
  const again = [...asked, { role: 'assistant', content: 'A light.' }, { role: 'user', content: 'And a ship?' }]
  await withModel('nano', ONE, async (model) => {
    const first = model.createSession()
    await answerOf(first, asked)
    assert.ok(first.length > 1900, `${first.length} tokens`)
    await saveCache(path, first, model)
  })
  // Another process would load it in the same way, on any number of threads.
  await withModel('nano', { threads: 2 }, async (model) => {
    const resumed = model.createSession()
    const loaded = await loadCache(path, resumed, model)
    const before = (await model.stats()).tokensProcessed
    const { result, logprobs } = await answerOf(resumed, again)
    const ran = (await model.stats()).tokensProcessed - before
    assert.ok(result.cachedTokens > 1900 && result.cachedTokens <= loaded)
    assert.ok(ran >= resumed.length - result.cachedTokens && ran < 80, `${ran} tokens were run`)
    assert.equal(await answerOf(model.createSession(), again).then(({ logprobs }) => logprobs), logprobs)
  })
})

test('of other weights, another packing or other masks is never used', async () => {
  const path = join(folder, 'tiny.cache')
  const tokens = Array.from({ length: 60 }, (_, i) => (i * 31) % 200)
  await withModel(TINY, ONE, async (model) => {
    await saveCache(path, await read(model, tokens), model)
    assert.is(await loadCache(path, model.createSession(), model), 60)
    const masked: ExpertMask = { mlp: [[1]], gates: 'all' }
    const session = model.createSession({ mask: masked })
    assert.is(await loadCache(path, session, model, { mask: masked }), 0)
    await model.maskExperts(masked)
    assert.is(await loadCache(path, model.createSession(), model), 0)
  })
  const notes: string[] = []
  for (const options of [{ quant: 'q8' }, { expertsPerToken: 1 }, { cacheType: 'q8' }] as const) {
    await withModel(TINY, { ...ONE, ...options }, async (model) => {
      assert.is(await loadCache(path, model.createSession(), model, { onNote: (note) => notes.push(note) }), 0)
    })
  }
  assert.is(notes.length, 3)
  assert.match(notes[0], /tiny\.cache: of another model, packing, cache type or version of molm, so it is not used/)
  // One weight differs, and nothing else.
  const copy = join(folder, 'other')
  await cp(TINY, copy, { recursive: true })
  const file = join(copy, 'model.safetensors')
  const bytes = await readFile(file)
  const { mtime } = await stat(file)
  await withModel(copy, ONE, async (model) => {
    assert.is(await loadCache(path, model.createSession(), model), 60, 'a copy is the same model')
  })
  bytes[bytes.length >> 1] ^= 1
  await writeFile(file, bytes)
  await utimes(file, mtime, mtime)
  await withModel(copy, ONE, async (model) => {
    assert.is(await loadCache(path, model.createSession(), model), 0)
  })
  // The same weights, packed.
  const packed = join(folder, 'packed')
  const ids: string[] = []
  for (const source of [TINY, TINY, copy]) {
    await convertModel(source, packed, { quant: 'f32' })
    await withModel(packed, ONE, async (model) => {
      ids.push(await model.weightsId())
    })
    await rm(packed, { recursive: true })
  }
  assert.is(ids[1], ids[0])
  assert.is.not(ids[2], ids[0])
})

test('of a checkpoint that is replaced on the disk while it runs is not used with the new one', async () => {
  const copy = join(folder, 'replaced')
  await cp(TINY, copy, { recursive: true })
  const [file, path] = [join(copy, 'model.safetensors'), join(folder, 'replaced.cache')]
  await withModel(copy, ONE, async (model) => {
    const session = await read(model, [1, 2, 3, 4])
    const bytes = await readFile(file)
    bytes[bytes.length - 2] ^= 1
    await setTimeout(20)
    await writeFile(file, bytes)
    assert.is(await saveCache(path, session, model), 4)
    assert.is(await loadCache(path, model.createSession(), model), 4, 'the running model keeps its own')
  })
  await withModel(copy, ONE, async (model) => {
    assert.is(await loadCache(path, model.createSession(), model), 0)
  })
})

test('that is damaged anywhere is not used, and changes nothing', async () => {
  const path = join(folder, 'whole.cache')
  const broken = join(folder, 'broken.cache')
  const tokens = Array.from({ length: 70 }, (_, i) => 300 + i)
  await withModel(fixturePath('82-lfm2moe-bf16-sharded'), ONE, async (model) => {
    const ids = tokens.map((token) => token % 229)
    await saveCache(path, await read(model, ids), model)
    const whole = await readFile(path)
    const session = await read(model, [5, 6, 7])
    for (let i = 0; i < 60; i++) {
      const bytes = Buffer.from(whole)
      bytes[Math.floor(((i + 0.5) / 60) * whole.length)] ^= 1 << (i % 8)
      await writeFile(broken, bytes)
      assert.is(await loadCache(broken, session, model), 0, `byte ${i}`)
    }
    for (let i = 0; i < 20; i++) {
      await writeFile(broken, whole.subarray(0, Math.floor((i / 20) * whole.length)))
      assert.is(await loadCache(broken, session, model), 0, `${i} of 20 parts`)
    }
    assert.equal([...session.tokens], [5, 6, 7])
    assert.equal(await logitsAfter(session), await logitsAfter(await read(model, [5, 6, 7])))
    assert.is(await loadCache(join(folder, 'none.cache'), session, model), 0)
  })
})

test('is private, replaces the one before, and is not loaded for a prompt that shares too little; folders keep the caches used latest', async () => {
  const path = join(folder, 'sub', 'private.cache')
  await mkdir(join(folder, 'sub'))
  await withModel(TINY, ONE, async (model) => {
    await saveCache(path, await read(model, [100, 101, 102, 103]), model)
    assert.is((await stat(path)).mode & 0o777, 0o600)
    await writeFile(
      join(folder, 'sub', '.molm.9d3e1c52-7a60-4d6e-8f2b-0a1b2c3d4e5f.partial'),
      'of a process that was killed',
    )
    const longAgo = new Date(Date.now() - 7_200_000)
    await utimes(join(folder, 'sub', '.molm.9d3e1c52-7a60-4d6e-8f2b-0a1b2c3d4e5f.partial'), longAgo, longAgo)
    await saveCache(path, await read(model, [100, 101, 102, 103, 104]), model)
    assert.equal(await readdir(join(folder, 'sub')), ['private.cache'])
    const session = model.createSession()
    const prompt = [100, 101, 150, 151]
    assert.is(await loadCache(path, session, model, { prompt, least: 3 }), 0)
    assert.is(await loadCache(path, session, model, { prompt, least: 2 }), 5)
    assert.is(await saveCache(path, session, model, { most: 100 }), 0)
    assert.is(await saveCache(path, model.createSession(), model), 0)

    const caches = await mkdtemp(join(folder, 'caches-'))
    await saveCache(join(caches, '0.cache'), await read(model, [1, 2, 3]), model)
    const { size } = await stat(join(caches, '0.cache'))
    for (let i = 0; i < 5; i++) {
      if (i > 0) await copyFile(join(caches, '0.cache'), join(caches, `${i}.cache`))
      await utimes(join(caches, `${i}.cache`), i, i)
    }
    await writeFile(join(caches, 'talk.jsonl'), Buffer.alloc(1000))
    await writeFile(join(caches, 'of another program.cache'), Buffer.alloc(size))
    await utimes(join(caches, 'of another program.cache'), 6, 6)
    await limitCaches(caches, 2.5 * size)
    assert.equal((await readdir(caches)).sort(), ['3.cache', '4.cache', 'of another program.cache', 'talk.jsonl'])
  })
})

test('folders lose what was left by processes that were killed while they saved', async () => {
  const caches = await mkdtemp(join(folder, 'caches-'))
  const name = '.molm.9d3e1c52-7a60-4d6e-8f2b-0a1b2c3d4e5f.partial'
  await writeFile(join(caches, name), 'x')
  await limitCaches(caches, 1000)
  assert.equal(await readdir(caches), [name], 'its process may run')
  await utimes(join(caches, name), 1, 1)
  await limitCaches(caches, 1000)
  assert.equal(await readdir(caches), [])
})

async function read(model: Model, tokens: number[]): Promise<Session> {
  const session = model.createSession()
  await session.forward(tokens, { logits: 'none' })
  return session
}

async function logitsAfter(session: Session): Promise<Float32Array> {
  return (await session.forward([5, 9, 2])).logits
}

async function answerOf(session: Session, messages: { role: string; content: string }[]) {
  // Drafts would count among the tokens that were run.
  const answer = session.chat(messages, { temperature: 0, maxTokens: 24, logprobs: 1, promptLookupNumTokens: 0 })
  const logprobs: number[] = []
  for (;;) {
    const { value, done } = await answer.next()
    if (done) return { result: value, logprobs }
    logprobs.push(value.logprob)
  }
}

test.run()
