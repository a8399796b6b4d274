import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Model } from '#molm/api/model.js'
import type { CacheSnapshot, Session } from '#molm/api/session.js'
import { loadModel } from '#molm/index.js'
import type { ModuleFormerConfig } from '#molm/model/families/moduleformer/moduleformer.js'
import { fixturePath } from '../../support/fixtures.js'
import { rejectsWithUserError, thrownBy } from '../../support/rejects.js'

const test = suite('a snapshot of a cache')

/** Attention of each kind, keys that are the values, latents, windows, convolutions, sinks; and checkpoints. */
const MODELS = [
  ['11-molm-like-bin-bf16-sharded', 'q4'],
  ['82-lfm2moe-bf16-sharded', 'q4'],
  ['91-granitehybrid-f32', 'q4'],
  ['121-deepseekv3-f32', 'q4'],
  ['152-smallthinker-window-bf16-sharded', 'f32'],
  ['171-gemma4-f32', 'q4'],
  ['196-qwen35moe-bf16', 'q4'],
  ['207-zaya-bf16-sharded', 'q4'],
  ['217-kimilinear-bf16-sharded', 'q4'],
  ['22-granitemoe-bf16-sharded', 'q8'],
  ['71-gptoss-bf16-sharded', 'q4', 'q8'],
] as const

const TOKENS = Array.from({ length: 240 }, (_, i) => (i * 31) % 60)

for (const [name, quant, cacheType] of MODELS) {
  const cache = cacheType ? ` with a cache of ${cacheType}` : ''
  test(`lets another session of ${name} ${quant}${cache} continue bit for bit`, async () => {
    const model = await loadModel(fixturePath(name), { threads: 1, quant, cacheType })
    try {
      const session = model.createSession()
      await session.forward(TOKENS, { logits: 'none' })
      const other = model.createSession()
      await other.forward([1, 2, 3], { logits: 'none' })
      await other.importCache(await session.exportCache())
      assert.equal([...other.tokens], TOKENS)
      assert.equal((await other.forward([5, 9, 2])).logits, (await session.forward([5, 9, 2])).logits)
      for (const one of [session, other]) one.truncate(130)
      assert.equal((await other.forward([7, 8])).logits, (await session.forward([7, 8])).logits)
    } finally {
      await model.dispose()
    }
  })
}

test('has the keys that are also the values once, and lacks what has been forgotten', async () => {
  const model = await loadModel(fixturePath('11-molm-like-bin-bf16-sharded'), { threads: 1 })
  try {
    const session = model.createSession()
    const options = { maxTokens: 60, context: 16, seed: 1, ignoreEos: true, stop: [] }
    for await (const _ of session.generate([1, 2, 3], options));
    const snapshot = await session.exportCache()
    assert.is(snapshot.oldest, snapshot.tokens.length - 16)
    const layers = (model.config as ModuleFormerConfig).layers
    assert.equal(
      snapshot.tensors.map(({ name, shape }) => [name, shape[0]]),
      Array.from({ length: layers }, (_, layer) => [`layers.${layer}.keys`, 16]),
    )
    const other = model.createSession()
    await other.importCache(snapshot)
    assert.equal((await other.forward([7])).logits, (await session.forward([7])).logits)
  } finally {
    await model.dispose()
  }
})

test('takes memory only for the positions that it has', async () => {
  await withSmall(async (model) => {
    const session = model.createSession()
    await session.forward([5, 9, 2, 4], { logits: 'none' })
    const { cacheBytes } = await model.stats()
    const tokens = new Int32Array(100_000).fill(7)
    const other = model.createSession()
    await other.importCache({ ...(await session.exportCache()), tokens, oldest: tokens.length - 4 })
    assert.is(other.length, 100_000)
    // Four positions take a page of 32, or two.
    assert.ok((await model.stats()).cacheBytes <= 3 * cacheBytes)
  })
})

test('of q8 is for a cache of q8 only', async () => {
  const path = fixturePath('22-granitemoe-bf16-sharded')
  const models = [
    await loadModel(path, { threads: 1, cacheType: 'q8' }),
    await loadModel(path, { threads: 1, cacheType: 'bf16' }),
  ]
  try {
    const [q8, bf16] = models.map((model) => model.createSession())
    for (const session of [q8, bf16]) await session.forward([1, 2, 3], { logits: 'none' })
    const into = async (session: Session, other: Session) => session.importCache(await other.exportCache())
    await rejectsWithUserError(() => into(bf16, q8), /is of q8, and that of this model is not/)
    await rejectsWithUserError(() => into(q8, bf16), /is not of q8, and that of this model is/)
  } finally {
    for (const model of models) await model.dispose()
  }
})

test('fails if the session changes while it is read', async () => {
  await withSmall(async (model) => {
    const session = model.createSession()
    await session.forward([1, 2, 3], { logits: 'none' })
    const snapshot = await session.exportCache()
    session.truncate(2)
    await rejectsWithUserError(() => snapshot.read(0, 0, 1), /the session changed while it was saved/)
  })
})

test('leaves a session as it was if it cannot be imported', async () => {
  await withSmall(async (model) => {
    const session = model.createSession()
    await session.forward([1, 2, 3], { logits: 'none' })
    const snapshot = await session.exportCache()
    const other = model.createSession()
    await other.forward([5, 6], { logits: 'none' })
    const wrong: [Partial<CacheSnapshot>, RegExp][] = [
      [{ read: async () => new Uint8Array(3) }, /rows have 3 bytes/],
      [{ read: () => Promise.reject(new Error('the disk is gone')) }, /the disk is gone/],
      [{ tensors: snapshot.tensors.slice(1) }, /another model, or was cut short/],
      [{ oldest: 4 }, /does not fit its tokens/],
      [{ oldest: 0.5 }, /does not fit its tokens/],
      [{ checkpoints: Int32Array.of(1) }, /does not fit its tokens/],
      [{ tokens: Int32Array.of(1, 2) }, /another model, or was cut short/],
      [{ tokens: Int32Array.of(1, 2, -1) }, /token/],
    ]
    for (const [part, says] of wrong) {
      const imported = other.importCache({ ...snapshot, ...part })
      assert.match(String(await thrownBy(imported)), says)
    }
    assert.equal([...other.tokens], [5, 6])
    const fresh = model.createSession()
    assert.equal((await other.forward([9])).logits, (await fresh.forward([5, 6, 9])).logits)
    const { cacheBytes } = await model.stats()
    session.dispose()
    other.dispose()
    fresh.dispose()
    assert.ok((await model.stats()).cacheBytes < cacheBytes / 3, 'no cache of a failed import is left')
  })
})

async function withSmall(use: (model: Model) => Promise<void>): Promise<void> {
  const model = await loadModel(fixturePath('02-base-safetensors-f32'), { threads: 1 })
  try {
    await use(model)
  } finally {
    await model.dispose()
  }
}

test.run()
